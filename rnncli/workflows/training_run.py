"""A run in training: writes its files as the loop yields events, and passes the events on.

Imports JAX; `rnncli.workflows.train` starts that before.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
from flax.traverse_util import flatten_dict, unflatten_dict

from rnncli.data.dataset import Dataset
from rnncli.diagnostics import symptoms
from rnncli.errors import DivergedError, RunError
from rnncli.inference.model_folder import SavedModel, load_classifier, load_saved, save_model
from rnncli.models.parameters import initial_parameters
from rnncli.reporting.plots import plot_history
from rnncli.runs.run import Run, recorded
from rnncli.settings.train import TrainSettings
from rnncli.system.jax_setup import data_mesh
from rnncli.system.progress import Report, no_report
from rnncli.training.checkpoints import load_newest_checkpoint, save_checkpoint
from rnncli.training.loop import EpochDone, Standing, StepDone, Trainer, require_finite
from rnncli.training.objectives.base import Objective
from rnncli.training.objectives.classification import Classification
from rnncli.training.objectives.language_model import LanguageModelling
from rnncli.training.optimizer import make_optimizer
from rnncli.training.step import Programs
from rnncli.training.warm_start import WarmStart, warm_start
from rnncli.workflows.calibrate import calibrated
from rnncli.workflows.provenance import provenance
from rnncli.workflows.training_data import initial_vectors, training_data


class TrainingRun:
    """A run's folder, its dataset, its settings, its mesh of devices, and its trainer.

    Of several processes that train together the first writes all files.
    """

    def __init__(
        self,
        run: Run,
        dataset: Dataset,
        settings: TrainSettings,
        checkpoint_every: tuple[int, float],
        warn: Callable[[str], None],
        teachers: Mapping[str, Run],
        report: Report = no_report,
    ) -> None:
        """Make the trainer of a locked run.

        `checkpoint_every` says after how many steps and seconds to save within an epoch, 0 standing for
        never; `warn` is told what is wrong with the data, with checkpoints, and with the final figures;
        `teachers` are runs to learn from, by name; `report` is told how far they are.
        """
        self.run, self.dataset, self.settings = run, dataset, settings
        self.mesh = data_mesh(settings.data.batch_size)
        self._every_steps, self._every_seconds = checkpoint_every
        self._saved_at = time.monotonic()
        self._writes = jax.process_index() == 0
        self._warn = warn
        self._manifest = dataset.manifest
        self._teachers = teachers
        self._data = training_data(dataset, settings, teachers, report)
        self._warnings = symptoms.of_data(self._manifest)
        self._shape = settings.model.shape(
            vocab_size=self._manifest.vocab_size,
            num_classes=len(self._manifest.label_names),
            objective=settings.objective,
        )
        objective = self._objective()
        steps, layers = objective.batches_per_epoch, settings.model.num_layers
        tx = make_optimizer(settings.optimizer, steps, settings.epochs, layers)
        self._programs = Programs(objective, tx, self.mesh)
        self.trainer = Trainer(settings, objective, self._programs)
        self.taken = ""  # what was taken of another run's model, and what not, where one is started from

    def _objective(self) -> Objective:
        """What the settings say is to be minimised, over the run's texts."""
        data = self._data
        sizes = {"max_length": data.max_length, "num_devices": self.mesh.size}
        if self.settings.objective == "language-model":
            return LanguageModelling(self.settings, self._shape, data.train, data.validation, **sizes)
        evidence, targets = data.evidence, data.targets
        return Classification(
            self.settings,
            self._shape,
            data.train,
            data.validation,
            evidence=evidence,
            targets=targets,
            **sizes,
        )

    @property
    def num_parameters(self) -> int:
        """Trainable numbers in the model."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.trainer.state.params))

    def start(self, source: Run | None = None) -> None:
        """Take over what fits of another run's model, if one is given, and write the run's config.json."""
        extra: dict[str, Any] = {}
        if source is not None:
            taken = self._take(source)
            extra["from"] = {
                "run": source.name,
                "path": str(source.path.resolve()),
                "model": source.model_fingerprint,
                "words": taken.words,
                "new_words": taken.new_words,
                "new": taken.new,
            }
        else:
            self._take_vectors()
        if self._teachers:
            extra["teachers"] = recorded(self._teachers)
        if not self._writes:
            return
        packages = ("jax", "jaxlib", "flax", "optax", "numpy")
        devices = f"{self.mesh.size} × {jax.devices()[0].device_kind}"
        self.run.begin(self.settings, **provenance(self.dataset, packages, devices=devices), **extra)

    def _take(self, source: Run) -> WarmStart:
        """Let training begin with what fits of another run's parameters."""
        model, fresh = load_saved(source.model_dir), initial_parameters(self._shape, self.settings.seed)
        taken = warm_start(fresh, self._shape, self.dataset.tokenizer, self._manifest.label_names, model)
        self.trainer.start_from(unflatten_dict(taken.parameters, sep="."))
        self.taken = f"from {source.name}: {taken}"
        return taken

    def _take_vectors(self) -> None:
        """Let training begin with word vectors made of the dataset's texts, where the settings say so."""
        if self.settings.vectors == "texts":
            params = initial_parameters(self._shape, self.settings.seed)
            params["embedding.table"] = initial_vectors(self.dataset, self.settings)
            self.trainer.start_from(unflatten_dict(params, sep="."))

    def resume(self) -> None:
        """Continue from the newest whole checkpoint, or from the start where there is none yet.

        Raises:
            RunError: no checkpoint is whole; or there is none yet, and the run that this one started from
                is missing or changed.
        """
        checkpoint = load_newest_checkpoint(self.run.checkpoints_dir, self.trainer.state, self._warn)
        if checkpoint is not None:
            state, standing = checkpoint
            self.trainer.restore(state, Standing(**standing))
        elif (begun_from := self.run.description.get("from")) is not None:
            source = Run(Path(begun_from["path"]))
            if source.model_fingerprint != begun_from["model"]:
                raise RunError(f"run '{source.name}' changed since '{self.run.name}' was started from it")
            self._take(source)
        else:
            self._take_vectors()
        if self._writes:
            self.run.write_metrics(self.trainer.standing.history)

    def events(self) -> Iterator[StepDone | EpochDone]:
        """Train, write files, and pass on the loop's events; a caller that stops early saves a checkpoint.

        Raises:
            DivergedError: the loss, a gradient or a parameter was not finite; the last checkpoint and
                the best epoch's model are kept.
            RunError: the best epoch's model has been damaged since it was written.
        """
        for warning in self._warnings:
            self._warn(warning)
        try:
            for event in self.trainer.run(self._every_steps):
                if self._writes:
                    self._write(event)
                yield event
        except DivergedError as error:
            raise DivergedError(f"{error}; {self._after_divergence()}") from error
        if self._writes:
            self._finish()

    def save_checkpoint(self) -> None:
        """Write the state as it is, for `resume`.

        Raises:
            DivergedError: a parameter is not finite; the checkpoints are left as they are.
        """
        state, standing = self.trainer.state, self.trainer.standing
        if self._writes:
            require_finite(state, standing.epoch)
            save_checkpoint(self.run.checkpoints_dir, int(state.step), state, dataclasses.asdict(standing))
            self._saved_at = time.monotonic()

    def _write(self, event: StepDone | EpochDone) -> None:
        """Save what is worth keeping: a better model, the figures of an epoch, and checkpoints when due."""
        if isinstance(event, EpochDone):
            if event.improved:
                save_model(self.run.model_dir, self._model())
            self.save_checkpoint()
            self.run.write_metrics(self.trainer.standing.history)
            return
        after_steps = self._every_steps > 0 and event.step % self._every_steps == 0
        if after_steps or 0 < self._every_seconds <= time.monotonic() - self._saved_at:
            self.save_checkpoint()

    def _after_divergence(self) -> str:
        """What to try next, and which model is kept."""
        optimizer, best = self.settings.optimizer, self.trainer.standing.best_epoch
        clip = "" if 0 < optimizer.clip_norm <= 1 else " or --clip-norm 1"
        kept = (
            f"the model of epoch {best} is kept in {self.run.model_dir}" if best else "no epoch was finished"
        )
        return f"train again with a lower --learning-rate than {optimizer.learning_rate:g}{clip}; {kept}"

    def _model(self) -> SavedModel:
        """The model as it is now."""
        return SavedModel(
            config=self._shape,
            label_names=self._manifest.label_names,
            max_length=self._data.max_length,
            keep=self._data.keep,
            parameters=jax.device_get(flatten_dict(self.trainer.state.params, sep=".")),
            tokenizer=self.dataset.tokenizer,
            dataset={"name": self._manifest.name, "fingerprint": self.dataset.fingerprint},
            ngrams=self._data.ngrams,
        )

    def _finish(self) -> None:
        """Write the plot and the summary, and seal the run, which makes it finished."""
        standing = self.trainer.standing
        title = f"{self.run.name}: {self.settings.model.arch} on {self._manifest.name}"
        plot_history(self.run.history_path, standing.history, title=title, best_epoch=standing.best_epoch)
        if self.settings.objective == "language-model":
            load_saved(self.run.model_dir)  # refuses it where it was damaged since it was written
            self.run.finish(self._summary())
        else:
            self._finish_classifier()

    def _finish_classifier(self) -> None:
        """Fit the temperature, look for signs of a model that learned nothing, and seal the run."""
        standing, splits = self.trainer.standing, self._manifest.splits
        model = calibrated(load_classifier(self.run.model_dir), self._data.validation)
        save_model(self.run.model_dir, model)
        found = symptoms.of_training(
            standing.history,
            splits["train"].label_counts,
            splits["validation"].label_counts,
            balanced=self.settings.class_weights == "balanced",
            only_label=symptoms.only_label(model, self._data.validation, standing.best["accuracy"]),
        )
        self._warnings += found
        self.run.finish(self._summary() | {"temperature": model.temperature})
        for warning in found:
            self._warn(warning)

    def _summary(self) -> dict[str, Any]:
        standing, history = self.trainer.standing, self.trainer.standing.history
        seconds = sum(line["seconds"] for line in history)
        return {
            "run": self.run.name,
            "dataset": self._manifest.name,
            "fingerprint": self.dataset.fingerprint,
            "arch": self.settings.model.arch,
            "parameters": self.num_parameters,
            "epochs": len(history),
            "steps": history[-1]["step"],
            "best_epoch": standing.best_epoch,
            **{f"val_{name}": value for name, value in standing.best.items()},
            "train_seconds": seconds,
            "compile_seconds": sum(line["compile_seconds"] for line in history),
            "compiled_programs": len(self._programs),
            "examples_per_second": len(self._data.train) * len(history) / seconds,
            "warnings": self._warnings,
            "config": self.settings.to_dict(),
        }
