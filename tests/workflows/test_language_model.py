"""`rnncli.train(objective="language-model")`: what it reads, that it resumes, and what it is good for."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rnncli
from rnncli.data.dataset import Dataset
from rnncli.errors import RunError, UsageError
from rnncli.inference.model_folder import load_classifier, load_saved
from rnncli.runs.run import Run
from rnncli.settings.train import TrainSettings
from rnncli.workflows.suite import evaluate_suite
from rnncli.workflows.training_data import training_data
from rnncli.workflows.training_run import TrainingRun
from tests.cli.tables import write_table

QUICK = {"batch_size": 7, "learning_rate": 0.03}
SIZES = {"arch": "bigru", "embedding_size": 5, "hidden_size": 3}
LANGUAGE_MODEL = {"objective": "language-model", **SIZES, **QUICK}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier and then a language model, on texts with and without labels."""
    folder = tmp_path_factory.mktemp("language")
    write_table(folder / "films.csv", ["bad", "good", "fair"], rows=211)
    write_table(folder / "more.csv", ["bad", "good", "fair"], rows=53, seed=1)
    runs_dir = folder / "runs"
    rnncli.prepare(
        folder / "films.csv", unlabelled=folder / "more.csv", runs_dir=runs_dir, max_length=11, vocab_size=23
    )
    rnncli.train(name="classes", arch="bow", epochs=1, runs_dir=runs_dir, warn=lambda _: None)
    rnncli.train(name="words", epochs=3, runs_dir=runs_dir, **LANGUAGE_MODEL)
    return runs_dir


@pytest.fixture
def runs_dir(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


def test_it_reads_training_and_unlabelled_texts_and_no_others(made: Path) -> None:
    dataset = Dataset.open(made / "datasets" / "films")
    settings = TrainSettings.from_options(objective="language-model", **SIZES)
    found = training_data(dataset, settings, {})
    parts = [dataset.split("train"), dataset.split("unlabelled")]
    np.testing.assert_array_equal(found.train.token_ids, np.concatenate([part.token_ids for part in parts]))
    assert len(found.train) == sum(len(part) for part in parts)
    assert found.validation.name == "validation"
    fewer = TrainSettings.from_options(objective="language-model", unlabelled=17, **SIZES)
    assert len(training_data(dataset, fewer, {}).train) == len(parts[0]) + 17


def test_its_files_and_figures(made: Path) -> None:
    run = Run(made / "words")
    history = [line["val_loss"] for line in map(json.loads, run.metrics_path.read_text().splitlines())]
    assert history[0] > min(history) == run.summary["val_loss"]
    both = [run.summary[f"val_perplexity_{direction}"] for direction in ("forward", "backward")]
    assert 1 < min(both) < max(both) < 23
    model = load_saved(run.model_dir, verify=True)
    assert {name for name in model.parameters if not name.startswith("encoder.")} == {
        "embedding.table",
        *(
            f"next_word_{direction}.{part}"
            for direction in ("forward", "backward")
            for part in ("kernel", "bias")
        ),
    }
    assert run.history_path.stat().st_size > 1000


def test_it_resumes_bit_for_bit(runs_dir: Path) -> None:
    def leave(training: TrainingRun) -> None:
        for _, _event in zip(range(5), training.events(), strict=False):
            training.save_checkpoint()

    options = {"dataset": "films", "epochs": 2, "dropout": 0.3, "word_dropout": 0.2, **LANGUAGE_MODEL}
    whole = rnncli.train(name="whole", runs_dir=runs_dir, **options)
    assert not rnncli.train(name="left", follow=leave, runs_dir=runs_dir, **options).finished
    resumed = rnncli.train(resume="left", runs_dir=runs_dir)
    assert resumed.model_fingerprint == whole.model_fingerprint


def test_a_classifier_starts_from_its_words_and_its_encoder(runs_dir: Path) -> None:
    """Also one that reads evidence, which the language model could not; `latest` is what was trained last."""
    source = load_saved(runs_dir / "words" / "model").parameters
    for evidence in (False, True):
        shutil.copytree(runs_dir, runs_dir.with_name(f"with {evidence}"))
        run = rnncli.train(
            start_from="latest",
            epochs=1,
            learning_rate=1e-30,
            evidence=evidence,
            runs_dir=runs_dir.with_name(f"with {evidence}"),
            warn=lambda _: None,
        )
        assert (run.config.objective, run.description["from"]["run"]) == ("classification", "words")
        new = {"output.kernel", "output.bias"}
        if evidence:
            new |= {f"encoder.layer_0.{direction}.evidence_kernel" for direction in ("forward", "backward")}
        assert set(run.description["from"]["new"]) == new
        found = load_classifier(run.model_dir).parameters
        for name in found.keys() - new:
            np.testing.assert_array_equal(found[name], source[name], err_msg=name)
        assert not any(name.startswith("next_word") for name in found)


def test_a_language_model_starts_from_a_classifier_and_from_another(runs_dir: Path) -> None:
    first = rnncli.train(name="labels", dataset="films", epochs=1, runs_dir=runs_dir, **SIZES, **QUICK)
    for source, new in ((first.name, 4), ("words", 0)):
        options = {"objective": "language-model", "epochs": 1, "learning_rate": 1e-30}
        run = rnncli.train(start_from=source, dataset="films", runs_dir=runs_dir, **options)
        assert len(run.description["from"]["new"]) == new
    # Its figures are those of the one that it started from: nothing but the rate of learning is other.
    assert run.summary["val_loss"] == pytest.approx(Run(runs_dir / "words").summary["val_loss"], rel=1e-6)


@pytest.mark.parametrize(
    "asked",
    [
        lambda runs_dir: rnncli.load("words", runs_dir=runs_dir),
        lambda runs_dir: rnncli.evaluate("words", runs_dir=runs_dir),
        lambda runs_dir: rnncli.evaluate("classes", not_worse_than="words", runs_dir=runs_dir),
        lambda runs_dir: evaluate_suite("words", runs_dir=runs_dir),
        lambda runs_dir: rnncli.compare(["words"], runs_dir=runs_dir),
        lambda runs_dir: rnncli.train(average=["classes", "words"], runs_dir=runs_dir),
        lambda runs_dir: rnncli.train(teacher=["words"], arch="bow", runs_dir=runs_dir),
    ],
    ids=["predict", "eval", "not-worse-than", "suite", "compare", "average", "teacher"],
)
def test_what_it_cannot_do_names_the_remedy(made: Path, asked: Callable[[Path], object]) -> None:
    before = set(made.iterdir())
    with pytest.raises(RunError, match=r"run 'words' is a language model.*'rnncli train --from words'"):
        asked(made)
    assert set(made.iterdir()) == before


def test_its_folder_is_refused_too(made: Path) -> None:
    with pytest.raises(RunError, match=r"words/model is a language model.*'rnncli train --from RUN'"):
        rnncli.load(made / "words" / "model")


def test_what_answers_passes_it_over(made: Path, runs_dir: Path) -> None:
    """Though it was trained last; and says what to do where there is nothing else."""
    assert [entry.run for entry in rnncli.compare(runs_dir=made).entries] == ["classes"]
    for name in ("latest", "best"):
        assert rnncli.evaluate(name, runs_dir=made, split="validation").subject.run == "classes"
    shutil.rmtree(runs_dir / "classes")
    with pytest.raises(RunError, match="'rnncli train --from words'"):
        rnncli.load(runs_dir=runs_dir)
    with pytest.raises(RunError, match="no finished run"):
        rnncli.compare(runs_dir=runs_dir)


def test_it_has_no_teacher(made: Path) -> None:
    with pytest.raises(UsageError, match="no labels to be taught: leave out --teacher"):
        rnncli.train(teacher=["classes"], runs_dir=made, **LANGUAGE_MODEL)
