"""Training a classifier: which run, on which data, with which settings; then the run itself."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rnncli.data.dataset import Dataset, list_datasets, resolve_dataset
from rnncli.errors import RunError, UsageError
from rnncli.runs.finding import check_name, find_run, reserve_run_name, resolve_run
from rnncli.runs.run import Run
from rnncli.settings.base import require
from rnncli.settings.recipes import RECIPES
from rnncli.settings.train import TrainSettings, resolve_settings
from rnncli.system.cluster import Cluster
from rnncli.system.jax_setup import start_jax
from rnncli.system.progress import Report, no_report
from rnncli.training.warm_start import require_same_sizes
from rnncli.workflows.average import as_recorded, resume_average
from rnncli.workflows.average import average as average_of
from rnncli.workflows.ngram_run import fit_ngram_run
from rnncli.workflows.provenance import provenance
from rnncli.workflows.recipe import begin_recipe, is_recipe, train_recipe

if TYPE_CHECKING:
    from rnncli.workflows.training_run import TrainingRun


def to_the_end(training: "TrainingRun") -> None:
    """Train until nothing is left to do."""
    for _ in training.events():
        pass


def train(
    *,
    dataset: str | Path | None = None,
    name: str | None = None,
    resume: str | None = None,
    average: Sequence[str] = (),
    start_from: str | None = None,
    teacher: Sequence[str] = (),
    preset: str | None = None,
    config: str | Path | None = None,
    runs_dir: str | Path = "runs",
    checkpoint_every: str | None = None,
    devices: int = 0,
    cluster: Cluster | None = None,
    warn: Callable[[str], None] = warnings.warn,
    follow: Callable[["TrainingRun"], object] = to_the_end,
    report: Report = no_report,
    **settings: Any,
) -> Run:
    """Train a classifier and return its run; the ``summary`` of a finished one holds the figures.

    Args:
        dataset: a prepared dataset, by name or path; the one prepared last, and the bundled sample
            where there is none.
        name: of the run; DATASET-ARCH-N unless given.
        resume: the run to continue instead, by name or path, on its dataset with its settings.
        average: runs, by name or path, whose weighted average to make instead: nothing is trained, and
            there are no settings. See `rnncli.workflows.average`.
        start_from: the run, by name or path, whose parameters to start from where they fit, and whose
            settings of the model are then the defaults (option ``--from``).
        teacher: runs, by name or path, whose averaged probabilities are the targets of the dataset's
            unlabelled texts, which are learned from as well (Hinton et al. 2015).
        preset: the name of settings to start from.
        config: a TOML file of settings, which override those of the preset.
        runs_dir: the folder of runs and prepared datasets.
        checkpoint_every: steps, such as ``500``, or minutes, such as ``10m``, after which to save within an
            epoch too.
        devices: the processor cores to use as devices; 0: all.
        cluster: the processes that this one trains with, the first of which writes the files.
        warn: what to do with a warning.
        follow: goes through the `events` of the training, under the run's lock; where it leaves early,
            after `save_checkpoint`, the run can be resumed.
        report: called with the progress of scoring texts, where runs are averaged, and of fitting n-grams.
        **settings: settings by the names of their options, such as ``arch="lstm", epochs=3``; they
            override all others.

    Raises:
        UsageError: a setting is unknown, or a value is out of range.
        DataError: there is no such dataset, or it is damaged.
        RunError: a run has this name already, or there is nothing to resume.
        DivergedError: the loss, a gradient or a parameter was not finite.
    """
    runs_dir, every = Path(runs_dir), parse_interval(checkpoint_every)
    if average:
        require(
            {resume, start_from, preset, config, checkpoint_every, cluster} == {None}
            and not settings
            and not teacher,
            "--average takes trained runs as they are: leave out the options and variables of training, "
            "all but --dataset and --name",
        )
        require(len(average) > 1, "--average needs two or more runs with different names")
        where = None if dataset is None else str(dataset)
        return average_of(average, runs_dir=runs_dir, dataset=where, name=name, warn=warn, report=report)
    stage = partial(
        train, checkpoint_every=checkpoint_every, devices=devices, warn=warn, follow=follow, report=report
    )
    if resume is not None:
        require(
            {name, dataset, start_from, preset, config} == {None} and not teacher,
            "--resume continues a run under its name, on its dataset, with its settings: "
            "leave out --name, --dataset, --from, --teacher, --preset and --config",
        )
        run = _unfinished(runs_dir, resume)
        if is_recipe(run):
            require(not settings, f"--resume keeps the settings of run '{run.name}': leave out all others")
            return train_recipe(run, stage, warn=warn, report=report)
        if run.members:
            return resume_average(run, runs_dir, warn, report)
        job = _as_begun(run, runs_dir, settings)
    elif preset in RECIPES:
        require(
            {start_from, config, cluster} == {None} and not teacher,
            f"--preset {preset} is made of several runs: leave out --config, --from, --teacher and "
            "--coordinator",
        )
        recipe = _new_recipe(runs_dir, str(preset), name, dataset, settings)
        return train_recipe(recipe, stage, warn=warn, report=report)
    else:
        source = None if start_from is None else _source(runs_dir, start_from)
        model = None if source is None else source.config.model
        chosen = resolve_settings(settings, None if config is None else Path(config), preset, model)
        if source is not None:
            require_same_sizes(chosen.model, source.config.model, source.name)
        teachers = {found.name: found for found in (resolve_run(runs_dir, each) for each in teacher)}
        require(len(teachers) == len(teacher), "--teacher needs runs with different names")
        require(
            not teachers or chosen.objective == "classification",
            "--objective language-model has no labels to be taught: leave out --teacher",
        )
        run, data = _new_run(runs_dir, chosen.model.arch, name, dataset)
        chosen = chosen.for_texts(data.manifest.splits["train"].rows)
        job = _Job(run, data, chosen, teachers, source)
    writes = cluster is None or cluster.is_first
    remedy = "wait for it" if job.begun else "wait for it, or choose another --name"
    with job.run.locked(remedy) if writes else nullcontext():
        if writes and not job.begun:
            job.run.require_new()
        if job.settings.model.arch == "ngram":
            require(cluster is None, "--arch ngram is fitted by one process: leave out --coordinator")
            require(not teacher, "--arch ngram learns from labelled texts alone: leave out --teacher")
            if not job.begun:
                job.run.begin(job.settings, **provenance(job.dataset, ("numpy", "scipy")))
            fit_ngram_run(job.run, job.dataset, job.settings, warn, report)
            return job.run
        start_jax(devices, cluster)
        _train_by_gradients(job, every, warn, follow, report)
    return job.run


class _Job(NamedTuple):
    """A training to do: its run, which may have begun already, and all that decides it."""

    run: Run
    dataset: Dataset
    settings: TrainSettings
    teachers: Mapping[str, Run]
    source: Run | None = None  # what a new run starts from
    begun: bool = False


def _train_by_gradients(
    job: _Job,
    every: tuple[int, float],
    warn: Callable[[str], None],
    follow: Callable[["TrainingRun"], object],
    report: Report,
) -> None:
    """Begin or resume a run, and let `follow` go through its training."""
    from rnncli.workflows.training_run import TrainingRun

    training = TrainingRun(job.run, job.dataset, job.settings, every, warn, job.teachers, report)
    if job.begun:
        training.resume()
    else:
        training.start(job.source)
    try:
        follow(training)
    except (OSError, MemoryError) as error:
        error.add_note(f"then continue with: rnncli train --resume {job.run.name}")
        raise


def parse_interval(text: str | None) -> tuple[int, float]:
    """``500`` as steps and ``10m`` as seconds; 0 stands for never. From Python it is written so too.

    Raises:
        UsageError: it is neither.
    """
    if text is None:
        return 0, 0.0
    minutes = text.endswith("m")
    try:
        number = float(text[:-1]) if minutes else int(text)
    except ValueError:
        number = 0
    require(
        number > 0, f"--checkpoint-every {text}: give a number of steps such as 500, or minutes such as 10m"
    )
    return (0, 60 * number) if minutes else (int(number), 0.0)


def _new_run(runs_dir: Path, kind: str, name: str | None, dataset: str | Path | None) -> tuple[Run, Dataset]:
    """A run that is not on disk yet, by default named after its dataset and its `kind`; and its dataset."""
    from rnncli.workflows.prepare import prepare

    if name is not None:
        check_name(name)
    if dataset is None and not list_datasets(runs_dir):
        data = prepare(runs_dir=runs_dir)
    else:
        data = resolve_dataset(runs_dir, None if dataset is None else str(dataset))
    name = name or reserve_run_name(runs_dir, f"{data.manifest.name}-{kind}")
    return Run(runs_dir / name), data


def _new_recipe(
    runs_dir: Path, preset: str, name: str | None, dataset: str | Path | None, given: Mapping[str, Any]
) -> Run:
    """A recipe's run, of which only the description is on disk yet."""
    run, data = _new_run(runs_dir, preset, name, dataset)
    run.require_new()
    if is_recipe(run):
        raise RunError(f"{run.path} holds an unfinished recipe: continue it with --resume {run.name}")
    begin_recipe(run, preset, data, given)
    return run


def _unfinished(runs_dir: Path, name: str) -> Run:
    """The run to resume, which of a recipe may be no more than its description."""
    recipe = Run(runs_dir / name)
    run = recipe if is_recipe(recipe) else find_run(runs_dir, name)
    if run.finished:
        raise RunError(f"run '{run.name}' is finished: there is nothing to resume")
    return run


def _source(runs_dir: Path, name: str) -> Run:
    """The run to start from."""
    run = resolve_run(runs_dir, name, to_start_from=True)
    if not run.members and run.config.model.arch == "ngram":
        raise RunError(f"run '{run.name}' is a linear model of n-grams: there is nothing to start from")
    if run.members:
        raise RunError(
            f"run '{run.name}' is an average: start from one of its members, {', '.join(run.members)}"
        )
    return run


def _as_begun(run: Run, runs_dir: Path, given: Mapping[str, Any]) -> _Job:
    """What is left of a run that has begun, whose settings those given must not contradict."""
    settings = run.config
    kept = settings.options()
    differing = {key: value for key, value in given.items() if value != kept.get(key)}
    if differing:
        changes = ", ".join(f"{key} {kept.get(key)} → {value}" for key, value in differing.items())
        raise UsageError(f"--resume keeps the settings of run '{run.name}'; these differ: {changes}")
    dataset = Dataset.open(run.find_dataset(runs_dir))
    if dataset.fingerprint != run.dataset_fingerprint:
        raise RunError(
            f"run '{run.name}' was started on dataset '{run.dataset_name}' with fingerprint "
            f"{run.dataset_fingerprint[:12]}, but that in {dataset.path} has {dataset.fingerprint[:12]}: "
            "prepare it again as it was"
        )
    return _Job(run, dataset, settings, as_recorded(run, run.teachers, runs_dir), begun=True)
