"""`rnncli.train`: training from Python."""

from pathlib import Path

import numpy as np
import pytest

import rnncli
from rnncli.data.dataset import Dataset
from rnncli.errors import UsageError
from rnncli.inference.model_folder import load_classifier
from rnncli.inference.predictions import Predictor
from rnncli.models.numpy_forward import to_probabilities
from rnncli.runs.run import Run
from rnncli.settings.train import TrainSettings
from rnncli.text.ngrams import Texts, count_ngrams, crossfitted_evidence
from rnncli.text.vectors import word_vectors
from rnncli.training.loop import Trainer
from rnncli.workflows.training_data import training_data
from rnncli.workflows.training_run import TrainingRun
from tests.cli.tables import write_table
from tests.runs.factories import make_dataset

SIZES = {"embedding_size": 5, "hidden_size": 3, "batch_size": 7}
QUICK = {"arch": "bow", "epochs": 2, "learning_rate": 0.1, **SIZES}


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with a prepared dataset, films."""
    folder = tmp_path_factory.mktemp("python")
    write_table(folder / "films.csv", ["bad", "good", "fair"], rows=211)
    rnncli.prepare(folder / "films.csv", runs_dir=folder / "runs", max_length=11)
    return folder / "runs"


def test_a_run_comes_back_with_its_summary(runs_dir: Path) -> None:
    run = rnncli.train(runs_dir=runs_dir, **QUICK)
    assert run.path == runs_dir / "films-bow-1"
    assert (run.summary["epochs"], run.summary["config"]["optimizer"]["learning_rate"]) == (2, 0.1)


def test_unknown_settings_start_nothing(runs_dir: Path) -> None:
    before = set(runs_dir.iterdir())
    with pytest.raises(UsageError, match="unknown setting 'rate'"):
        rnncli.train(runs_dir=runs_dir, rate=0.1)
    assert set(runs_dir.iterdir()) == before


def test_whoever_leaves_early_can_go_on(runs_dir: Path) -> None:
    whole = rnncli.train(name="whole", runs_dir=runs_dir, **QUICK)

    def leave(training: TrainingRun) -> None:
        for _, _event in zip(range(7), training.events(), strict=False):
            training.save_checkpoint()

    left = rnncli.train(name="left", runs_dir=runs_dir, follow=leave, **QUICK)
    assert not left.finished
    with pytest.raises(UsageError, match="hidden_size 3 → 4"):
        rnncli.train(resume="left", runs_dir=runs_dir, hidden_size=4)
    resumed = rnncli.train(resume="left", runs_dir=runs_dir, hidden_size=3)
    assert resumed.summary["val_loss"] == whole.summary["val_loss"]


def test_evidence_and_the_ends_of_texts(runs_dir: Path) -> None:
    settings = QUICK | {"arch": "bigru", "evidence": True, "read_length": 5, "learning_rate": 0.01}
    whole = rnncli.train(name="evidence", runs_dir=runs_dir, **settings)

    def leave(training: TrainingRun) -> None:
        for _, _event in zip(range(7), training.events(), strict=False):
            training.save_checkpoint()

    assert not rnncli.train(name="evidence-left", runs_dir=runs_dir, follow=leave, **settings).finished
    resumed = rnncli.train(resume="evidence-left", runs_dir=runs_dir)
    for path in whole.model_dir.iterdir():
        assert (resumed.model_dir / path.name).read_bytes() == path.read_bytes()

    model = load_classifier(whole.model_dir, verify=True)
    assert (model.max_length, model.keep) == (5, "both")
    validation = Dataset.open(runs_dir / "datasets" / "films").split("validation")
    assert validation.lengths.max() > 5
    logits = Predictor(model).logits([validation[row] for row in range(len(validation))])
    probabilities = to_probabilities(logits)  # those of the loss, before the temperature
    losses = -np.log(probabilities[np.arange(len(validation)), validation.labels])
    assert whole.summary["val_loss"] == pytest.approx(losses.mean(), rel=1e-5)


def test_ngrams_are_counted_in_whole_texts_and_looked_up_in_cut_ones(runs_dir: Path) -> None:
    dataset = Dataset.open(runs_dir / "datasets" / "films")
    settings = TrainSettings.from_options(arch="lstm", evidence=True, read_length=5, seed=3)
    data, sizes = training_data(dataset, settings, {}), {"num_classes": 3}
    assert data.ngrams is not None
    assert data.evidence is not None
    train = dataset.split("train")
    texts, labels = Texts(train.token_ids, train.offsets), np.asarray(train.labels)
    expected = count_ngrams(texts, labels, vocab_size=dataset.manifest.vocab_size, **sizes)
    np.testing.assert_array_equal(data.ngrams.codes, expected.codes)
    np.testing.assert_array_equal(data.ngrams.values, expected.values)
    for row, whole in ((row, train[row]) for row in range(len(train))):
        cut = [*whole[:3], *whole[-2:]] if len(whole) > 5 else [*whole]
        assert data.train[row].tolist() == cut
    read = Texts(data.train.token_ids, data.train.offsets)
    fitted = crossfitted_evidence(expected, texts, labels, read, seed=3, **sizes)
    np.testing.assert_array_equal(data.evidence["train"], fitted)
    assert not np.array_equal(fitted, expected.evidence(read))
    read = Texts(data.validation.token_ids, data.validation.offsets)
    np.testing.assert_array_equal(data.evidence["validation"], expected.evidence(read))


@pytest.fixture
def with_phrases(tmp_path: Path) -> Dataset:
    """Films, and phrases of which the films say nothing."""
    kinds = [("lovely", "pos"), ("dull", "neg")]
    rows = [f"{word} film w{row % 13},{label}" for row in range(47) for word, label in kinds]
    (tmp_path / "films.csv").write_text("\n".join(["text,label", *rows]))
    further = "not lovely film,neg\nnot dull film,pos\n" * 5
    (tmp_path / "further.csv").write_text(f"text,label\n{further}")
    return rnncli.prepare(tmp_path / "films.csv", also=[tmp_path / "further.csv"], runs_dir=tmp_path)


def test_further_texts_are_learned_but_tell_no_evidence(with_phrases: Dataset) -> None:
    """What teaches how n-grams are turned round must not be in the n-grams: new texts have none of it."""
    settings = TrainSettings.from_options(arch="lstm", evidence=True)
    data = training_data(with_phrases, settings, {})
    assert data.ngrams is not None
    assert data.evidence is not None
    words = with_phrases.tokenizer.ids_by_word()
    own = len(data.train) - 10
    assert with_phrases.manifest.splits["train"].further == 10
    assert words["not"] in data.train[own]
    known = {tuple(data.ngrams.words(row)) for row in range(len(data.ngrams.codes))}
    assert (words["lovely"],) in known
    assert (words["not"],) not in known
    further = data.evidence["train"][data.train.offsets[own] :]
    expected = data.ngrams.evidence(Texts.of([data.train[row] for row in range(own, len(data.train))]))
    np.testing.assert_array_equal(further, expected)
    assert further.any()


def test_training_begins_with_vectors_of_the_own_texts(with_phrases: Dataset) -> None:
    begun = []

    def leave(training: TrainingRun) -> None:
        begun.append(np.asarray(training.trainer.state.params["embedding"]["table"]))

    runs_dir = with_phrases.path.parents[1]
    options = QUICK | {"dataset": "films", "runs_dir": runs_dir, "vectors": "texts", "follow": leave}
    run = rnncli.train(name="vectors", **options)
    own = with_phrases.split("train").take(np.arange(len(with_phrases.split("train")) - 10))
    expected = word_vectors(Texts(own.token_ids, own.offsets), with_phrases.manifest.vocab_size, 5)
    np.testing.assert_array_equal(begun[0], expected)
    assert not expected[with_phrases.tokenizer.ids_by_word()["not"]].any()
    rnncli.train(resume=run.name, runs_dir=runs_dir, follow=leave)
    np.testing.assert_array_equal(begun[1], expected)


def test_evidence_needs_an_encoder(runs_dir: Path) -> None:
    with pytest.raises(UsageError, match="evidence needs a recurrent --arch, not bow"):
        rnncli.train(runs_dir=runs_dir, evidence=True, **QUICK)


def test_the_model_is_that_of_the_best_epoch(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = iter([(0.5, 0.9), (0.4, 0.8), (0.5, 0.9)])
    monkeypatch.setattr(
        Trainer, "validate", lambda _: dict(zip(("loss", "accuracy"), next(figures), strict=True))
    )
    two, one = (rnncli.train(runs_dir=runs_dir, **QUICK | {"epochs": epochs}) for epochs in (2, 1))
    assert (two.summary["best_epoch"], two.summary["val_loss"]) == (1, 0.5)
    kept, expected = ((run.model_dir / "model.safetensors").read_bytes() for run in (two, one))
    assert kept == expected


def test_probabilities_are_made_to_mean_what_they_say_on_validation(runs_dir: Path) -> None:
    run = rnncli.train(runs_dir=runs_dir, **QUICK | {"epochs": 20, "early_stopping": 0})
    require_calibrated(run)


def test_those_of_a_linear_model_too(tmp_path: Path) -> None:
    """Of the texts a fifth has the label of others, which no model can tell."""
    make_dataset(tmp_path)
    require_calibrated(rnncli.train(runs_dir=tmp_path, arch="ngram"))


def require_calibrated(run: Run) -> None:
    """Assert that the temperature is stored, used, and makes validation labels more probable."""
    found = rnncli.load(run.path)
    assert run.summary["temperature"] == found.model.temperature != 1
    (prediction,) = found.predict(["a good film"])
    logits = found.logits(found.model.tokenizer.encode(["a good film"]))
    expected = to_probabilities(logits / found.model.temperature)[0]
    assert list(prediction.probabilities.values()) == expected.tolist()
    evaluated = rnncli.evaluate(run.name, runs_dir=run.path.parent, split="validation", verify=True)
    assert evaluated.loss < run.summary["val_loss"]


def test_what_shows_that_nothing_was_learned_is_warned_of(runs_dir: Path) -> None:
    with pytest.warns(UserWarning, match="were not learned either"):
        run = rnncli.train(runs_dir=runs_dir, **QUICK | {"epochs": 1, "learning_rate": 1e-9})
    assert len(run.summary["warnings"]) == 1
