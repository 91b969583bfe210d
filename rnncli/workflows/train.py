"""Training a classifier: which run, on which data, with which settings; then the run itself."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnncli.data.dataset import Dataset, list_datasets, resolve_dataset
from rnncli.errors import RunError, UsageError
from rnncli.runs.finding import check_name, find_run, reserve_run_name
from rnncli.runs.run import Run
from rnncli.settings.base import require
from rnncli.settings.presets import resolve_settings
from rnncli.settings.train import TrainSettings
from rnncli.system.cluster import Cluster
from rnncli.system.jax_setup import start_jax

if TYPE_CHECKING:
    from rnncli.workflows.training_run import TrainingRun


def train(
    *,
    dataset: str | Path | None = None,
    name: str | None = None,
    resume: str | None = None,
    preset: str | None = None,
    config: str | Path | None = None,
    runs_dir: str | Path = "runs",
    **settings: Any,
) -> Run:
    """Train a classifier and return its finished run; its ``summary`` holds the figures.

    Args:
        dataset: a prepared dataset, by name or path; the one prepared last, and the bundled sample
            where there is none.
        name: of the run; DATASET-ARCH-N unless given.
        resume: the run to continue instead, by name or path, on its dataset with its settings.
        preset: the name of settings to start from.
        config: a TOML file of settings, which go before those of the preset.
        runs_dir: the folder of runs and prepared datasets.
        **settings: settings by the names of their options, such as ``arch="lstm", epochs=3``; they
            go before all others.

    Raises:
        UsageError: a setting is unknown, or a value is out of range.
        DataError: there is no such dataset, or it is damaged.
        RunError: a run has this name already, or there is nothing to resume.
        DivergedError: the loss, a gradient or a parameter was not finite.
    """
    opened = opened_training(
        settings,
        runs_dir=Path(runs_dir),
        dataset=dataset,
        name=name,
        resume=resume,
        preset=preset,
        config=config,
    )
    with opened as training:
        for _ in training.events():
            pass
        return training.run


def warn_in_python(text: str) -> None:
    """Issue a Python warning."""
    warnings.warn(text, stacklevel=2)


@contextmanager
def opened_training(
    given: Mapping[str, Any],
    *,
    runs_dir: Path,
    dataset: str | Path | None = None,
    name: str | None = None,
    resume: str | None = None,
    preset: str | None = None,
    config: str | Path | None = None,
    checkpoint_every: str | None = None,
    devices: int = 0,
    cluster: Cluster | None = None,
    warn: Callable[[str], None] = warn_in_python,
) -> Iterator["TrainingRun"]:
    """Make a run ready to train, or an unfinished one ready to go on, and hold its lock meanwhile.

    Besides what `train` takes there are: steps, such as ``500``, or minutes, such as ``10m``, after which to
    save within an epoch; the processor cores to use as devices (0: all); the processes that this one
    trains with, the first of which writes the files; and what to do with a warning.
    """
    every = parse_interval(checkpoint_every)
    if resume is not None:
        require(
            name is None and dataset is None,
            "--resume continues a run under its name on its dataset: leave out --name and --dataset",
        )
        run, data, settings = _unfinished_run(runs_dir, resume, given)
    else:
        settings = resolve_settings(given, None if config is None else Path(config), preset)
        run, data = _new_run(runs_dir, settings, name, dataset)
    writes = cluster is None or cluster.is_first
    with run.locked() if writes else nullcontext():
        if writes and resume is None:
            run.require_new()
        start_jax(devices, cluster)
        from rnncli.workflows.training_run import TrainingRun

        training = TrainingRun(run, data, settings, every, warn)
        if resume is not None:
            training.resume()
        else:
            training.start()
        try:
            yield training
        except (OSError, MemoryError) as error:
            error.add_note(f"then continue with: rnncli train --resume {run.name}")
            raise


def parse_interval(text: str | None) -> tuple[int, float]:
    """``500`` as steps and ``10m`` as seconds; 0 stands for never.

    Raises:
        UsageError: it is neither.
    """
    if text is None:
        return 0, 0.0
    number = text.removesuffix("m")
    try:
        if text.endswith("m") and float(number) > 0:
            return 0, 60 * float(number)
        if int(number) > 0:
            return int(number), 0.0
    except ValueError:
        pass
    raise UsageError(f"--checkpoint-every {text}: give a number of steps such as 500, or minutes such as 10m")


def _new_run(
    runs_dir: Path, settings: TrainSettings, name: str | None, dataset: str | Path | None
) -> tuple[Run, Dataset]:
    """A run that is not on disk yet, and its dataset."""
    from rnncli.workflows.prepare import prepare

    if name is not None:
        check_name(name)
    if dataset is None and not list_datasets(runs_dir):
        data = prepare(runs_dir=runs_dir)
    else:
        data = resolve_dataset(runs_dir, None if dataset is None else str(dataset))
    name = name or reserve_run_name(runs_dir, f"{data.manifest.name}-{settings.model.arch}")
    return Run(runs_dir / name), data


def _unfinished_run(
    runs_dir: Path, name: str, given: Mapping[str, Any]
) -> tuple[Run, Dataset, TrainSettings]:
    """A run to continue, with its own dataset and settings, which those given must not contradict."""
    run = find_run(runs_dir, name)
    settings = run.config
    kept = settings.options()
    differing = {key: value for key, value in given.items() if value != kept.get(key)}
    if differing:
        changes = ", ".join(f"{key} {kept.get(key)} → {value}" for key, value in differing.items())
        raise UsageError(f"--resume keeps the settings of run '{run.name}'; these differ: {changes}")
    if run.finished:
        raise RunError(f"run '{run.name}' is finished: there is nothing to resume")
    return run, Dataset.open(run.find_dataset(runs_dir)), settings
