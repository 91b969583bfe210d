"""`rnncli train`: settings from all their places, a run trained, its figures shown."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnncli.cli import console
from rnncli.cli.options import (
    RUNS_DIR,
    Debug,
    Json,
    Quiet,
    RunsDir,
    complete_dataset,
    complete_unfinished_run,
    with_settings,
)
from rnncli.cli.signals import StopRequest
from rnncli.errors import RunError, UsageError
from rnncli.settings.presets import PRESETS, resolve_settings
from rnncli.settings.train import TrainSettings

if TYPE_CHECKING:
    from rnncli.data.dataset import Dataset
    from rnncli.runs.run import Run
    from rnncli.system.cluster import Cluster
    from rnncli.training.interval import CheckpointInterval
    from rnncli.training.run import TrainingRun

RUN, CLUSTER = "Run", "Several processes"
PANELS = {"model": "Model", "data": "Training", "optimizer": "Training", "": "Training"}


@with_settings(TrainSettings, PANELS)
def train(
    *,
    given: dict[str, Any],
    preset: Annotated[
        str | None, typer.Option(help=f"Named settings: {', '.join(PRESETS)}.", rich_help_panel=RUN)
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file of settings.", dir_okay=False, rich_help_panel=RUN)
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Prepared dataset, by name or path. [default: the one prepared last]",
            autocompletion=complete_dataset,
            rich_help_panel=RUN,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the run. [default: DATASET-ARCH-N]", rich_help_panel=RUN)
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            help="Continue this run where it stopped.",
            autocompletion=complete_unfinished_run,
            rich_help_panel=RUN,
        ),
    ] = None,
    checkpoint_every: Annotated[
        str | None,
        typer.Option(
            help="Also save every N steps or minutes: 500, 10m.", metavar="N|Nm", rich_help_panel=RUN
        ),
    ] = None,
    devices: Annotated[
        int, typer.Option(help="Processor cores to use as devices; 0: all.", min=0, rich_help_panel=RUN)
    ] = 0,
    coordinator: Annotated[
        str | None,
        typer.Option(
            help="Train with other processes: where the first one listens, or auto under Slurm, Open MPI or "
            "Kubernetes.",
            metavar="HOST:PORT|auto",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    num_processes: Annotated[
        int | None, typer.Option(help="How many processes there are.", min=1, rich_help_panel=CLUSTER)
    ] = None,
    process_id: Annotated[
        int | None, typer.Option(help="Which of them this is, from 0.", min=0, rich_help_panel=CLUSTER)
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - acted on when it is parsed
) -> None:
    """Train a classifier on a prepared dataset.

    A setting comes from its option, else its RNNCLI_ variable, else the --config file, else the
    --preset, else its default.
    """
    every = parse_interval(checkpoint_every)
    cluster = _cluster(coordinator, num_processes, process_id, name or resume)
    if resume is not None:
        run, data, settings = _resumed(runs_dir, resume, given, name=name, dataset=dataset)
    else:
        settings = resolve_settings(given, config, preset)
        run, data = _new(runs_dir, settings, name, dataset, quiet=quiet)
    writes = cluster is None or cluster.is_first
    stop = StopRequest()
    with stop.installed(), run.locked() if writes else nullcontext():
        if writes and resume is None:
            run.require_new()
        from rnncli.system.jax_setup import start_jax

        start_jax(devices, cluster)
        from rnncli.training.run import TrainingRun

        training = TrainingRun(run, data, settings, every)
        if resume is not None:
            training.resume(console.warn)
        else:
            training.start()
        try:
            stopped = _train(training, stop, quiet=quiet or not writes, warns=writes)
        except (OSError, MemoryError) as error:
            error.add_note(f"then continue with: rnncli train --resume {run.name}")
            raise
    if stopped:
        if writes:
            console.note(f"stopped and saved; continue with: rnncli train --resume {run.name}")
        raise typer.Exit(128 + stopped)
    if writes:
        _report_end(run, json=json, quiet=quiet)


def _cluster(
    coordinator: str | None, num_processes: int | None, process_id: int | None, name: str | None
) -> "Cluster | None":
    """The processes that train together, if the options say so."""
    if coordinator is None:
        if num_processes is not None or process_id is not None:
            raise UsageError("--num-processes and --process-id need --coordinator HOST:PORT")
        return None
    if name is None:
        raise UsageError("--coordinator needs --name, so that all processes mean the same run")
    from rnncli.system.cluster import Cluster

    return Cluster(coordinator, num_processes, process_id)


def parse_interval(text: str | None) -> "CheckpointInterval":
    """``500`` as steps, ``10m`` as minutes.

    Raises:
        UsageError: it is neither.
    """
    from rnncli.training.interval import CheckpointInterval

    if text is None:
        return CheckpointInterval()
    number = text.removesuffix("m")
    try:
        if text.endswith("m") and float(number) > 0:
            return CheckpointInterval(minutes=float(number))
        if int(number) > 0:
            return CheckpointInterval(steps=int(number))
    except ValueError:
        pass
    raise UsageError(f"--checkpoint-every {text}: give a number of steps such as 500, or minutes such as 10m")


def _new(
    runs_dir: Path, settings: TrainSettings, name: str | None, dataset_name: str | None, *, quiet: bool
) -> "tuple[Run, Dataset]":
    """A run that is not on disk yet, and its dataset."""
    from rnncli.runs.finding import check_name, reserve_run_name
    from rnncli.runs.run import Run

    if name is not None:
        check_name(name)
    dataset = _dataset(runs_dir, dataset_name, quiet=quiet)
    name = name or reserve_run_name(runs_dir, f"{dataset.manifest.name}-{settings.model.arch}")
    return Run(runs_dir / name), dataset


def _dataset(runs_dir: Path, name: str | None, *, quiet: bool) -> "Dataset":
    """The dataset asked for, or the one prepared last, or else the bundled sample."""
    from rnncli.data.dataset import datasets_dir, resolve_dataset
    from rnncli.workflows.prepare import prepare

    if name is None and not any(datasets_dir(runs_dir).glob("*/manifest.json")):
        console.note("no dataset is prepared yet: preparing the bundled sample", quiet=quiet)
        return prepare(runs_dir=runs_dir)
    return resolve_dataset(runs_dir, name)


def _resumed(
    runs_dir: Path, resume: str, given: Mapping[str, Any], *, name: str | None, dataset: str | None
) -> "tuple[Run, Dataset, TrainSettings]":
    """The unfinished run `resume` with its own dataset and settings."""
    from rnncli.data.dataset import Dataset
    from rnncli.runs.finding import find_run

    if name is not None or dataset is not None:
        raise UsageError(
            "--resume continues a run under its name on its dataset: leave out --name and --dataset"
        )
    run = find_run(runs_dir, resume)
    settings = run.config
    kept = settings.options()
    differing = {key: value for key, value in given.items() if value != kept[key]}
    if differing:
        changes = ", ".join(f"{key} {kept[key]} → {value}" for key, value in differing.items())
        raise UsageError(f"--resume keeps the settings of run '{run.name}'; these differ: {changes}")
    if run.finished:
        raise RunError(f"run '{run.name}' is finished: there is nothing to resume")
    return run, Dataset.open(run.find_dataset(runs_dir)), settings


def _train(training: "TrainingRun", stop: StopRequest, *, quiet: bool, warns: bool) -> int:
    """Run the loop, show its events, and save when told to stop; return the signal that told, or 0.

    Args:
        training: the run, started or resumed.
        stop: set by a signal.
        quiet: whether progress is not shown.
        warns: whether this is the process that warns.
    """
    from rnncli.reporting.progress import TrainingProgress
    from rnncli.training.loop import StepDone

    err = console.stderr_console(quiet=quiet)
    config = training.config
    err.print(
        f"{training.run.name}: {config.model.arch} with {training.num_parameters:,} parameters on "
        f"{training.dataset.manifest.name}, {training.mesh.size} {training.mesh.devices.flat[0].platform} "
        f"device{'s' if training.mesh.size > 1 else ''}",
        soft_wrap=True,
    )
    early = list(training.warnings)
    if warns:
        console.warn(*early)
    with TrainingProgress(err, config.epochs).shown() as progress:
        for event in training.events():
            if isinstance(event, StepDone):
                progress.step(event)
            else:
                progress.epoch(event.metrics, improved=event.improved)
                if event.stopping:
                    err.print(f"stopping early: no gain in {config.early_stopping} epochs")
            stopped = training.agree(stop.signal)
            if stopped:
                training.save_checkpoint()
                return stopped
    if warns:
        console.warn(*training.warnings[len(early) :])
    return 0


def _report_end(run: "Run", *, json: bool, quiet: bool) -> None:
    summary = run.summary
    if json:
        console.out_json(summary)
        return
    if quiet:
        return
    where = run.path.parent
    option = "" if where == RUNS_DIR else f" --runs-dir {where}"
    console.out(
        f"best epoch {summary['best_epoch']}: validation accuracy {summary['val_accuracy']:.2%}, "
        f"loss {summary['val_loss']:.4f}\n"
        f"model   {run.model_dir}/\n"
        f"curves  {run.history_path}, {run.metrics_path}\n"
        f"next    rnncli eval {run.name}{option}\n"
        f'        rnncli predict --run {run.name}{option} "great movie"'
    )
