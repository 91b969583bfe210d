"""A training run on disk: starts or resumes it, and writes its files as the loop's events come.

`TrainingRun.events` hands the events on, so that whoever shows progress need not know of files.
"""

import platform
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from rnncli import __version__
from rnncli.data.dataset import Dataset
from rnncli.diagnostics import symptoms
from rnncli.errors import DivergedError, RunError
from rnncli.inference.model_folder import SavedModel, load_model, save_model
from rnncli.models.numpy_forward import forward, to_probabilities
from rnncli.reporting.plots import plot_history
from rnncli.runs.run import Run
from rnncli.settings.train import TrainSettings
from rnncli.system.files import to_json, write_bytes
from rnncli.system.jax_setup import data_mesh
from rnncli.training.checkpoints import load_newest_checkpoint, save_checkpoint
from rnncli.training.interval import CheckpointInterval
from rnncli.training.loop import EpochDone, Progress, StepDone, Trainer
from rnncli.training.optimizer import make_optimizer
from rnncli.training.step import Steps

SAMPLED_TEXTS, TEXTS_AT_ONCE = 1024, 64  # looked at to see whether all get the same label


class TrainingRun:
    """One run: its directory, its dataset and its trainer.

    Of several processes that train together the first writes all files.

    Attributes:
        warnings: what is wrong with the data, and at the end with the figures.
    """

    def __init__(self, run: Run, dataset: Dataset, config: TrainSettings, every: CheckpointInterval) -> None:
        manifest = dataset.manifest
        self.run = run
        self.dataset = dataset
        self.config = config
        self.warnings = symptoms.of_data(manifest)
        self._every = every
        self._writes = jax.process_index() == 0
        self.model_config = config.model.shape(
            vocab_size=manifest.vocab_size, num_classes=len(manifest.label_names)
        )
        self.mesh = data_mesh(config.data.batch_size)
        train, validation = dataset.split("train"), dataset.split("validation")
        total_steps = -(-len(train) // config.data.batch_size) * config.epochs
        self.trainer = Trainer(
            config,
            Steps(
                self.model_config, make_optimizer(config.optimizer, total_steps), self.mesh, config.precision
            ),
            train,
            validation,
            vocab_size=manifest.vocab_size,
            num_classes=len(manifest.label_names),
            max_length=manifest.config.max_length,
        )

    @property
    def num_parameters(self) -> int:
        """Trainable numbers in the model."""
        return sum(leaf.size for leaf in jax.tree_util.tree_leaves(self.trainer.state.params))

    def start(self) -> None:
        """Write the run's config.json."""
        if not self._writes:
            return
        self.run.begin(
            self.config,
            dataset=self.dataset.manifest.name,
            fingerprint=self.dataset.fingerprint,
            dataset_path=str(self.dataset.path.resolve()),
            versions={"rnncli": __version__}
            | {name: version(name) for name in ("jax", "jaxlib", "flax", "optax", "numpy")},
            platform={
                "python": platform.python_version(),
                "machine": platform.machine(),
                "devices": f"{self.mesh.size} × {jax.devices()[0].device_kind}",
            },
        )

    def resume(self, report: Callable[[str], None]) -> None:
        """Continue from the newest whole checkpoint, or from the start where there is none yet.

        Args:
            report: told about damaged checkpoints.

        Raises:
            RunError: the dataset is another than the run was started on, or no checkpoint is whole.
        """
        found = self.dataset.fingerprint
        if found != self.run.dataset_fingerprint:
            raise RunError(
                f"run '{self.run.name}' was started on dataset '{self.run.dataset_name}' with fingerprint "
                f"{self.run.dataset_fingerprint[:12]}, but that in {self.dataset.path} has {found[:12]}: "
                "prepare it again as it was"
            )
        checkpoint = load_newest_checkpoint(self.run.checkpoints_dir, self.trainer.state, report)
        if checkpoint is not None:
            state, progress = checkpoint
            self.trainer.restore(state, Progress.from_dict(progress))
        self._write_metrics()

    def events(self) -> Iterator[StepDone | EpochDone]:
        """Train, write files, and hand on the loop's events.

        Raises:
            DivergedError: the loss, a gradient or a weight was not finite; the last checkpoint and
                the best epoch's model are kept.
        """
        self._saved_at = time.monotonic()
        try:
            for event in self.trainer.run(self._every.steps):
                if isinstance(event, EpochDone):
                    self._write_epoch(event)
                    self._saved_at = time.monotonic()
                elif self._is_due(event):
                    self.save_checkpoint()
                    self._saved_at = time.monotonic()
                yield event
        except DivergedError as error:
            raise DivergedError(f"{error}; {self._after_divergence()}") from error
        self._finish()

    def save_checkpoint(self) -> None:
        """Write the state as it is, for `resume`.

        Raises:
            DivergedError: a weight is not finite; the checkpoints are left as they are.
        """
        if self._writes:
            self._require_finite()
            state, progress = self.trainer.state, self.trainer.progress.to_dict()
            save_checkpoint(self.run.checkpoints_dir, int(state.step), state, progress)

    def _require_finite(self) -> None:
        """Raise DivergedError unless every weight is finite, as they may not be under a finite loss."""
        for path, leaf in jax.tree_util.tree_leaves_with_path(self.trainer.state.params):
            if not np.isfinite(np.asarray(leaf)).all():
                name = ".".join(key.key for key in path)
                raise DivergedError(
                    f"step {int(self.trainer.state.step)}: the weights '{name}' are not finite"
                )

    def _after_divergence(self) -> str:
        """What to try, and what there is to go on with."""
        clip = "" if 0 < self.config.optimizer.clip_norm <= 1 else " or --clip-norm 1"
        advice = (
            f"train again with a lower --learning-rate than {self.config.optimizer.learning_rate:g}{clip}"
        )
        best = self.trainer.progress.best_epoch
        kept = (
            f"the model of epoch {best} is kept in {self.run.model_dir}" if best else "no epoch was finished"
        )
        return f"{advice}; {kept}"

    def agree(self, signal: int) -> int:
        """The signal that any of the processes has received, or 0, so that all stop after the same step."""
        if jax.process_count() == 1:
            return signal
        from jax.experimental import multihost_utils

        return int(multihost_utils.process_allgather(np.int32(signal)).max())

    def _is_due(self, event: StepDone) -> bool:
        steps, minutes = self._every.steps, self._every.minutes
        return (steps > 0 and event.step % steps == 0) or (
            0 < 60 * minutes <= time.monotonic() - self._saved_at
        )

    def _write_epoch(self, event: EpochDone) -> None:
        self._require_finite()
        if event.improved and self._writes:
            save_model(self.run.model_dir, self._model())
        self.save_checkpoint()
        self._write_metrics()

    def _write_metrics(self) -> None:
        """Write metrics.jsonl whole from the history, so that it never disagrees with the checkpoint."""
        if not self._writes:
            return
        lines = [to_json(line, indent=None) + "\n" for line in self.trainer.progress.history]
        write_bytes(self.run.metrics_path, "".join(lines).encode())

    def _model(self) -> SavedModel:
        """The model as it is now."""
        leaves, _ = jax.tree_util.tree_flatten_with_path(self.trainer.state.params)
        manifest = self.dataset.manifest
        return SavedModel(
            config=self.model_config,
            label_names=manifest.label_names,
            max_length=manifest.config.max_length,
            keep=manifest.config.keep,
            weights={".".join(key.key for key in path): np.asarray(leaf) for path, leaf in leaves},
            tokenizer=self.dataset.tokenizer,
            dataset={"name": manifest.name, "fingerprint": self.dataset.fingerprint},
        )

    def _only_label(self) -> str | None:
        """The label that the best model gives every validation text, if it does.

        It can only do so where its accuracy is the share of a class to the last digit; the rest is a
        look at texts from all over the split, up to the first with another label.
        """
        validation, best = self.dataset.split("validation"), self.trainer.progress.best_accuracy
        counts = self.dataset.manifest.splits["validation"].label_counts.values()
        if round(best * len(validation)) not in counts:
            return None
        model = load_model(self.run.model_dir)
        rows = np.linspace(0, len(validation) - 1, min(SAMPLED_TEXTS, len(validation))).astype(int)
        found: set[int] = set()
        for start in range(0, len(rows), TEXTS_AT_ONCE):
            texts = [validation[int(row)] for row in rows[start : start + TEXTS_AT_ONCE]]
            probabilities = to_probabilities(forward(model.config, model.weights, texts))
            found |= set(probabilities.argmax(axis=1).tolist())
            if len(found) > 1:
                return None
        return model.label_names[found.pop()]

    def _finish(self) -> None:
        """Write the plot and the summary, and seal the run, which makes it finished.

        Raises:
            RunError: the best epoch's model has been damaged since it was written.
        """
        if not self._writes:
            return
        load_model(self.run.model_dir)
        progress = self.trainer.progress
        history = progress.history
        title = f"{self.run.name}: {self.config.model.arch} on {self.dataset.manifest.name}"
        plot_history(self.run.history_path, history, title=title, best_epoch=progress.best_epoch)
        splits = self.dataset.manifest.splits
        self.warnings += symptoms.of_training(
            history,
            splits["train"].label_counts,
            splits["validation"].label_counts,
            balanced=self.config.data.class_weights == "balanced",
            only_label=self._only_label(),
        )
        self.run.finish(self._summary())

    def _summary(self) -> dict[str, Any]:
        progress = self.trainer.progress
        history = progress.history
        seconds = sum(line["seconds"] for line in history)
        return {
            "run": self.run.name,
            "dataset": self.dataset.manifest.name,
            "fingerprint": self.dataset.fingerprint,
            "arch": str(self.config.model.arch),
            "parameters": self.num_parameters,
            "epochs": len(history),
            "steps": history[-1]["step"],
            "best_epoch": progress.best_epoch,
            "val_accuracy": progress.best_accuracy,
            "val_loss": progress.best_loss,
            "train_seconds": seconds,
            "compile_seconds": sum(line["compile_seconds"] for line in history),
            "compiled_programs": self.trainer.steps.num_programs,
            "examples_per_second": len(self.dataset.split("train")) * len(history) / seconds,
            "warnings": self.warnings,
            "config": self.config.to_dict(),
        }
