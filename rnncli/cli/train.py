"""`rnncli train`: resolve the settings, train a run, show its figures."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnncli.cli import console
from rnncli.cli.options import (
    A_RUN,
    RUNS_DIR,
    Debug,
    Json,
    Quiet,
    RunsDir,
    complete_dataset,
    complete_unfinished_run,
    with_settings,
)
from rnncli.cli.signals import stop_requests
from rnncli.settings.base import require
from rnncli.settings.recipes import RECIPES
from rnncli.settings.train import PRESETS, TrainSettings
from rnncli.system.cluster import Cluster, highest_of_all

if TYPE_CHECKING:
    from rnncli.runs.run import Run
    from rnncli.system.progress import Progress
    from rnncli.workflows.training_run import TrainingRun

PANELS = {"model": "Model", "data": "Training", "optimizer": "Training", "": "Training"}
run_option = partial(typer.Option, rich_help_panel="Run")
PRESET_HELP = f"Named settings: {', '.join(PRESETS)}; or a recipe of several runs: {', '.join(RECIPES)}."
cluster_option = partial(typer.Option, rich_help_panel="Several processes")


@with_settings(TrainSettings, PANELS)
def train(
    *,
    given: dict[str, Any],
    preset: Annotated[str | None, run_option(help=PRESET_HELP)] = None,
    config: Annotated[Path | None, run_option(help="TOML file of settings.", dir_okay=False)] = None,
    dataset: Annotated[
        str | None,
        run_option(
            help="Prepared dataset, by name or path. [default: the one prepared last]",
            autocompletion=complete_dataset,
        ),
    ] = None,
    name: Annotated[str | None, run_option(help="Name of the run. [default: DATASET-ARCH-N]")] = None,
    resume: Annotated[
        str | None,
        run_option(help="Continue this run where it stopped.", autocompletion=complete_unfinished_run),
    ] = None,
    start_from: Annotated[
        str | None,
        run_option(
            "--from",
            help="Start from this run's word vectors, encoder and, where labels and pooling agree, head; its "
            "settings of the model are then the defaults.",
            **A_RUN,
        ),
    ] = None,
    average: Annotated[
        list[str] | None,
        run_option(
            help="Average this run with others, each named so: weights by validation, nothing is trained.",
            **A_RUN,
        ),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        run_option(
            help="Learn from unlabelled texts too, with this run's probabilities as targets; of several runs "
            "their mean.",
            **A_RUN,
        ),
    ] = None,
    checkpoint_every: Annotated[
        str | None, run_option(help="Also save every N steps or minutes: 500, 10m.", metavar="N|Nm")
    ] = None,
    devices: Annotated[int, run_option(help="Processor cores to use as devices; 0: all.", min=0)] = 0,
    coordinator: Annotated[
        str | None,
        cluster_option(
            help="Train with other processes: where the first one listens, or auto under Slurm, Open MPI or "
            "Kubernetes.",
            metavar="HOST:PORT|auto",
        ),
    ] = None,
    num_processes: Annotated[int | None, cluster_option(help="How many processes there are.", min=1)] = None,
    process_id: Annotated[int | None, cluster_option(help="Which of them this is, from 0.", min=0)] = None,
    runs_dir: RunsDir = RUNS_DIR,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,  # noqa: ARG001 - acted on when it is parsed
) -> None:
    """Train a classifier on a prepared dataset.

    A setting comes from its option, else its RNNCLI_ variable, else the --config file, else the
    --preset, else its default.
    """
    from rnncli.data.dataset import list_datasets
    from rnncli.reporting.progress import stage_progress, training_progress
    from rnncli.workflows.train import train as train_run

    cluster = _cluster(coordinator, num_processes, process_id, name or resume)
    writes = cluster is None or cluster.is_first
    start = partial(
        train_run,
        dataset=dataset,
        name=name,
        resume=resume,
        start_from=start_from,
        teacher=teacher or (),
        preset=preset,
        config=config,
        runs_dir=runs_dir,
        checkpoint_every=checkpoint_every,
        cluster=cluster,
        warn=console.warn if writes else lambda _text: None,
        **given,
    )
    if average:
        terminal = console.stderr_console()
        terminal.quiet = quiet or not terminal.is_terminal  # it shows a bar there, and no lines elsewhere
        with stage_progress(terminal) as report:
            run = start(average=average, report=report)
        _report_end(run, json=json, quiet=quiet)
        return
    if dataset is None and resume is None and not list_datasets(runs_dir):
        console.note("no dataset is prepared yet: preparing the bundled sample", quiet=quiet)
    stopped = 0

    def follow(training: "TrainingRun") -> None:
        nonlocal stopped
        err = console.stderr_console(quiet=quiet or not writes)
        err.print(_what_is_trained(training))
        if training.taken:
            err.print(training.taken)
        with stop_requests() as requested, training_progress(err, training.settings) as show:
            for event in training.events():
                show(event)
                # All processes stop after the same step.
                if stopped := highest_of_all(requested()):
                    training.save_checkpoint()
                    return

    def say(progress: "Progress") -> None:
        if progress.done == 0:  # no bar, which that of the training would displace
            console.note(progress.stage, quiet=quiet or not writes)

    run = start(devices=devices, follow=follow, report=say)
    if stopped:
        if writes:
            console.note(f"stopped and saved; continue with: rnncli train --resume {run.name}")
        raise typer.Exit(128 + stopped)
    if writes:
        _report_end(run, json=json, quiet=quiet)


def _cluster(
    coordinator: str | None, num_processes: int | None, process_id: int | None, name: str | None
) -> Cluster | None:
    """The processes that train together; None without --coordinator."""
    if coordinator is None:
        alone = num_processes is None and process_id is None
        require(alone, "--num-processes and --process-id need --coordinator HOST:PORT")
        return None
    require(name is not None, "--coordinator needs --name, so that all processes mean the same run")
    return Cluster(coordinator, num_processes, process_id)


def _what_is_trained(training: "TrainingRun") -> str:
    arch, devices = training.settings.model.arch, training.mesh.devices.ravel()
    kind = "" if training.settings.objective == "classification" else " language model"
    return (
        f"{training.run.name}: {arch}{kind} with {training.num_parameters:,} parameters on "
        f"{training.dataset.manifest.name}, {len(devices)} {devices[0].platform} "
        f"{'device' if len(devices) == 1 else 'devices'}"
    )


def _report_end(run: "Run", *, json: bool, quiet: bool) -> None:
    summary, where = run.summary, run.path.parent
    option = "" if where == RUNS_DIR else f" --runs-dir {where}"
    if json:
        console.out_json(summary)
    elif quiet:
        return
    elif run.is_language_model:
        directions = [name for name in summary if name.startswith("val_perplexity_")]
        found = ", ".join(f"{name.rpartition('_')[2]} {summary[name]:.1f}" for name in directions)
        console.out(
            f"best epoch {summary['best_epoch']}: validation perplexity {found}\n"
            f"model   {run.model_dir}/\n"
            f"next    rnncli train --from {run.name}{option}"
        )
    else:
        figures = f"validation accuracy {summary['val_accuracy']:.2%}, loss {summary['val_loss']:.4f}"
        if run.members:
            weights = ", ".join(f"{name} {weight:.3f}" for name, weight in summary["weights"].items())
            figures, curves = f"{figures}\nweights {weights}", ""
        elif summary["arch"] == "ngram":
            curves = ""
        else:
            figures = f"best epoch {summary['best_epoch']}: {figures}"
            curves = f"curves  {run.history_path}, {run.metrics_path.name}\n"
        console.out(
            f"{figures}\n"
            f"model   {run.model_dir}/\n"
            f"{curves}"
            f"next    rnncli eval {run.name}{option}\n"
            f'        rnncli predict --run {run.name}{option} "great movie"'
        )
