"""Fitting the temperature of a run's model before the run is finished."""

import dataclasses

import numpy as np

from rnncli.data.dataset import Split
from rnncli.evaluation.calibration import fit_temperature
from rnncli.inference.model_folder import SavedModel
from rnncli.workflows.evaluate import score


def calibrated(model: SavedModel, validation: Split) -> SavedModel:
    """The model with the temperature that fits labelled examples which it was not trained on.

    The temperature that it has makes no difference: whoever was interrupted begins anew.
    """
    logits = score(model, validation, stage="Calibrating")
    return dataclasses.replace(model, temperature=fit_temperature(logits, np.asarray(validation.labels)))
