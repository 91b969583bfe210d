"""A preset that is a whole recipe: its stages one after the other, then their average.

runs/RUN/recipe.json      which recipe, on which dataset, with which seed; written first
         stages/STAGE/    the run of each stage
         model/           the average of those that the recipe names, and all else that a run has

A stage that is finished is not trained again, and one that was interrupted is resumed.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from rnncli.data.dataset import Dataset
from rnncli.runs.run import Run
from rnncli.settings.base import require
from rnncli.settings.recipes import RECIPES, Stage
from rnncli.settings.train import TrainSettings
from rnncli.system.files import write_json
from rnncli.system.progress import Progress, Report
from rnncli.workflows.average import average, resume_average

RECIPE, STAGES = "recipe.json", "stages"
TrainStage = Callable[..., Run]


def begin_recipe(run: Run, preset: str, dataset: Dataset, given: Mapping[str, Any]) -> None:
    """Write down what the run is to become.

    Raises:
        UsageError: settings other than the seed are given, which the stages have of their own.
    """
    require(
        set(given) <= {"seed"},
        f"--preset {preset} is made of several runs with settings of their own: "
        f"leave out all but --seed (given: {', '.join(given)})",
    )
    described = {"preset": preset, "dataset": str(dataset.path.resolve()), "seed": given.get("seed", 0)}
    run.path.mkdir(parents=True, exist_ok=True)
    write_json(run.path / RECIPE, described)


def is_recipe(run: Run) -> bool:
    """Whether the folder is that of a recipe, begun at least."""
    return (run.path / RECIPE).is_file()


def train_recipe(run: Run, train: TrainStage, *, warn: Callable[[str], None], report: Report) -> Run:
    """Train what is left of a recipe's stages, and average them.

    Args:
        run: that `begin_recipe` began.
        train: `rnncli.workflows.train.train` with what all stages share.
        warn: what to do with a warning.
        report: called with the progress of scoring texts.

    Returns:
        `run`, which is not finished where a stage was left early.
    """
    described = json.loads((run.path / RECIPE).read_bytes())
    recipe, stages_dir = RECIPES[described["preset"]], run.path / STAGES
    names = ", ".join(stage.name for stage in recipe.stages)
    report(Progress(f"{described['preset']}: one after the other, {names}", 0, len(recipe.stages)))
    for stage in recipe.stages:
        done = Run(stages_dir / stage.name)
        if done.finished:
            continue
        if done.config_path.exists():
            train(resume=stage.name, runs_dir=stages_dir)
        else:
            train(
                name=stage.name,
                runs_dir=stages_dir,
                dataset=described["dataset"],
                teacher=[str(stages_dir / teacher) for teacher in stage.teachers],
                **_options(stage, described["seed"]),
            )
        if not done.finished:
            return run
    members = [str(stages_dir / member) for member in recipe.members]
    if run.config_path.exists():
        return resume_average(run, run.path.parent, warn, report)
    return average(
        members,
        runs_dir=run.path.parent,
        dataset=described["dataset"],
        name=run.name,
        warn=warn,
        report=report,
    )


def _options(stage: Stage, seed: int) -> dict[str, Any]:
    """A stage's settings by the names of their options."""
    settings = TrainSettings.from_dict(stage.settings, where=stage.name)
    return settings.options() | {"seed": seed}
