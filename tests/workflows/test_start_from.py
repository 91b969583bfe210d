"""`rnncli.train(start_from=...)`: what a run takes over from another one."""

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

import rnncli
from rnncli.errors import RunError, UsageError
from rnncli.inference.model_folder import SavedModel, load_classifier
from rnncli.runs.run import Run
from rnncli.training.loop import EpochDone
from rnncli.workflows.training_run import TrainingRun
from tests.cli.tables import write_table

SIZES = {"arch": "bigru", "embedding_size": 5, "hidden_size": 3}
QUICK = {"batch_size": 7, "learning_rate": 0.03}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on three labels; data with the same words; and with other labels and other words."""
    folder = tmp_path_factory.mktemp("start")
    runs_dir = folder / "runs"
    for name, labels, the in [("films", ["bad", "good", "fair"], "the"), ("books", ["bad", "good"], "novel")]:
        path = folder / f"{name}.csv"
        write_table(path, labels, rows=211)
        path.write_text(path.read_text().replace(" the ", f" {the} "))
        rnncli.prepare(path, runs_dir=runs_dir, max_length=11)
    rnncli.train(dataset="films", name="first", epochs=2, runs_dir=runs_dir, **SIZES, **QUICK)
    return runs_dir


@pytest.fixture
def runs_dir(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


def untrained(runs_dir: Path, **options: object) -> SavedModel:
    """The model of a run whose training changes nothing that single precision could hold."""
    options = {"dataset": "films", "start_from": "first", "epochs": 1, "learning_rate": 1e-30} | options
    run = rnncli.train(runs_dir=runs_dir, warn=lambda _: None, **options)
    return load_classifier(run.model_dir)


def test_everything_is_taken_where_everything_fits(runs_dir: Path) -> None:
    """The sizes need not be said again; dropout and data may be others."""
    first, found = load_classifier(runs_dir / "first" / "model"), untrained(runs_dir, dropout=0.1)
    assert found.config.options() == first.config.options() | {"dropout": 0.1}
    for name, value in first.parameters.items():
        np.testing.assert_array_equal(found.parameters[name], value, err_msg=name)
    recorded = Run(runs_dir / "films-bigru-1").description["from"]
    assert (recorded["run"], recorded["new_words"], recorded["new"]) == ("first", 0, [])
    assert recorded["words"] == first.config.vocab_size


def test_with_other_labels_and_words_the_shared_words_and_the_encoder_are_taken(runs_dir: Path) -> None:
    first, found = load_classifier(runs_dir / "first" / "model"), untrained(runs_dir, dataset="books")
    plain = untrained(runs_dir, dataset="books", start_from=None, **SIZES)
    ours, theirs = found.tokenizer.ids_by_word(), first.tokenizer.ids_by_word()
    assert "novel" in ours.keys() - theirs.keys()
    for word, place in ours.items():
        vectors = first.parameters if word in theirs else plain.parameters
        expected = vectors["embedding.table"][theirs.get(word, place)]
        np.testing.assert_array_equal(found.parameters["embedding.table"][place], expected, err_msg=word)
    for name in found.parameters.keys() - {"embedding.table"}:
        expected = (plain if name.startswith("output.") else first).parameters[name]
        np.testing.assert_allclose(found.parameters[name], expected, rtol=0, atol=1e-20, err_msg=name)
    recorded = Run(runs_dir / "books-bigru-1").description["from"]
    assert recorded["new"] == ["output.kernel", "output.bias"]
    assert recorded["new_words"] == len(ours.keys() - theirs.keys())


def test_with_another_pooling_the_head_is_new(runs_dir: Path) -> None:
    first, found = load_classifier(runs_dir / "first" / "model"), untrained(runs_dir, pooling="max")
    assert not np.array_equal(found.parameters["output.kernel"], first.parameters["output.kernel"])
    name = "encoder.layer_0.backward.recurrent_kernel"
    np.testing.assert_array_equal(found.parameters[name], first.parameters[name])


def test_it_starts_where_the_other_run_ended(runs_dir: Path) -> None:
    run = rnncli.train(dataset="films", start_from="first", epochs=1, runs_dir=runs_dir, **QUICK)
    plain = rnncli.train(dataset="films", epochs=1, runs_dir=runs_dir, **SIZES, **QUICK)
    assert run.summary["val_loss"] < plain.summary["val_loss"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"hidden_size": 7}, "--from first: its --hidden-size is 3, not 7"),
        ({"embedding_size": 7}, "its --embedding-size is 5, not 7"),
        ({"num_layers": 2}, "its --num-layers is 1, not 2"),
        ({"arch": "gru"}, "its --arch is bigru, not gru"),
    ],
)
def test_other_sizes_are_refused(made: Path, other: dict[str, object], message: str) -> None:
    before = set(made.iterdir())
    with pytest.raises(UsageError, match=message):
        rnncli.train(dataset="films", start_from="first", runs_dir=made, **other)
    assert set(made.iterdir()) == before


def test_an_average_is_no_start(runs_dir: Path) -> None:
    rnncli.train(dataset="films", name="second", epochs=1, runs_dir=runs_dir, **SIZES, **QUICK)
    rnncli.train(average=["first", "second"], name="both", runs_dir=runs_dir)
    with pytest.raises(RunError, match="'both' is an average: start from one of its members, first, second"):
        rnncli.train(dataset="films", start_from="both", runs_dir=runs_dir)


@pytest.mark.parametrize("steps", [0, 5])
def test_it_resumes_bit_for_bit(runs_dir: Path, steps: int) -> None:
    """Also before its first checkpoint, when all that there is of it is the run that it started from."""
    options = {"dataset": "films", "start_from": "first", "epochs": 2, "runs_dir": runs_dir, **QUICK}

    def leave(training: TrainingRun) -> None:
        for _, _event in zip(range(steps), training.events(), strict=False):
            training.save_checkpoint()

    whole = rnncli.train(name="whole", **options)
    assert not rnncli.train(name="left", follow=leave, **options).finished
    resumed = rnncli.train(resume="left", runs_dir=runs_dir)
    assert resumed.model_fingerprint == whole.model_fingerprint


def test_layers_are_unfrozen_from_the_head_down(runs_dir: Path) -> None:
    """Also across a resumption: the state of what waits is part of the checkpoint."""
    options = {"dataset": "films", "start_from": "first", "runs_dir": runs_dir, **QUICK}
    options |= {"unfreeze_epochs": 1, "layer_rate_decay": 2.6, "epochs": 2}
    first = load_classifier(runs_dir / "first" / "model")
    models: list[dict[str, np.ndarray]] = []

    def follow(training: TrainingRun) -> None:
        for event in training.events():
            if isinstance(event, EpochDone):
                models.append(flatten_dict(jax.device_get(training.trainer.state.params), sep="."))

    def leave(training: TrainingRun) -> None:
        for _, _event in zip(range(11), training.events(), strict=False):  # in the second epoch
            training.save_checkpoint()

    whole = rnncli.train(name="whole", follow=follow, **options)
    for model, trained in zip(models, [("output.",), ("output.", "encoder.")], strict=True):
        for name, value in model.items():
            same = np.array_equal(value, first.parameters[name])
            assert same != name.startswith(trained), name
    left = rnncli.train(name="left", follow=leave, **options)
    assert len(left.metrics_path.read_text().splitlines()) == 1
    assert rnncli.train(resume="left", runs_dir=runs_dir).model_fingerprint == whole.model_fingerprint


def test_what_it_started_from_must_be_the_same_when_it_is_resumed(runs_dir: Path) -> None:
    options = {"dataset": "films", "runs_dir": runs_dir, **QUICK}
    rnncli.train(name="left", start_from="first", follow=lambda _: None, **options)
    shutil.rmtree(runs_dir / "first")
    rnncli.train(name="first", epochs=1, **options, **SIZES)
    with pytest.raises(RunError, match="run 'first' changed since 'left' was started from it"):
        rnncli.train(resume="left", runs_dir=runs_dir)
