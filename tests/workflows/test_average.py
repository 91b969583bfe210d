"""`rnncli.train(average=...)`: one run that is several."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rnncli
from rnncli.errors import DataError, RunError, UsageError
from rnncli.evaluation import averaging
from rnncli.inference.averaged_model import load_model
from rnncli.runs.run import Run
from rnncli.text.tokenizer import truncate
from rnncli.workflows import average as workflow
from tests.cli.tables import write_table
from tests.factories import reseal

SIZES = {"embedding_size": 5, "hidden_size": 3, "batch_size": 7, "learning_rate": 0.03}
TEXTS = ["a good film", "", "bad bad film, fair and good", "what is this?"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs on three labels: a bag of words, a bidirectional GRU, and both averaged as ``both``."""
    folder = tmp_path_factory.mktemp("average")
    write_table(folder / "films.csv", ["bad", "good", "fair"], rows=211)
    runs_dir = folder / "runs"
    rnncli.prepare(folder / "films.csv", runs_dir=runs_dir, max_length=11)
    for arch in ("bow", "bigru"):
        rnncli.train(arch=arch, name=arch, epochs=2, runs_dir=runs_dir, **SIZES)
    rnncli.train(average=["bow", "bigru"], name="both", runs_dir=runs_dir)
    return runs_dir


@pytest.fixture
def runs_dir(made: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


def test_its_logits_are_the_weighted_sum(made: Path) -> None:
    both, *members = (rnncli.load(name, runs_dir=made) for name in ("both", "bow", "bigru"))
    weights = Run(made / "both").summary["weights"]
    texts = both.model.tokenizer.encode(TEXTS)
    expected = sum(
        weights[name] * model.logits(texts) for name, model in zip(("bow", "bigru"), members, strict=True)
    )
    np.testing.assert_allclose(both.logits(texts), expected, rtol=0, atol=1e-12)
    assert [each.label for each in both.predict(TEXTS)] == [
        both.label_names[row.argmax()] for row in both.logits(texts)
    ]


def test_it_is_no_worse_on_validation_than_its_members_and_can_be_best(made: Path) -> None:
    losses = {
        name: rnncli.evaluate(name, runs_dir=made, split="validation").loss
        for name in ("both", "bow", "bigru")
    }
    assert losses["both"] <= min(losses.values())
    assert Run(made / "both").summary["val_loss"] == pytest.approx(losses["both"], abs=1e-12)
    assert rnncli.load("latest", runs_dir=made).label_names == rnncli.load("both", runs_dir=made).label_names
    assert isinstance(rnncli.load("latest", runs_dir=made).model, type(load_model(made / "both" / "model")))


def test_it_stands_beside_others_in_a_comparison(made: Path) -> None:
    comparison = rnncli.compare(runs_dir=made)
    found = {entry.run: entry for entry in comparison.entries}
    assert found["both"].settings["arch"] == "average"
    assert found["both"].settings["epochs"] is None
    assert comparison.differing == ["arch"]
    assert found["both"].parameters == found["bow"].parameters + found["bigru"].parameters
    assert found["both"].train_seconds > found["bow"].train_seconds + found["bigru"].train_seconds
    assert found["both"].model_bytes > found["bow"].model_bytes + found["bigru"].model_bytes


def test_it_answers_without_jax_and_after_its_members_are_gone(runs_dir: Path) -> None:
    shutil.rmtree(runs_dir / "bow")
    shutil.rmtree(runs_dir / "bigru")
    code = (
        "import sys, rnncli; rnncli.load('both', runs_dir=sys.argv[1]).predict(['good']);"
        "assert not {'jax', 'scipy', 'optax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, runs_dir], check=True)


@pytest.mark.parametrize("keep", ["end", "start", "both"])
def test_members_may_read_less_of_a_text_than_others(made: Path, tmp_path: Path, keep: str) -> None:
    """A text in the dataset, cut to what the longest reads, is answered as the whole text is."""
    runs_dir, table = tmp_path / "runs", made.parent / "films.csv"
    for length in (3, 6):
        options = {"max_length": length, "keep": keep, "name": f"films{length}", "runs_dir": runs_dir}
        rnncli.prepare(table, **options)
        rnncli.train(arch="bow", name=f"bow{length}", runs_dir=runs_dir, **SIZES)
    with pytest.raises(DataError, match=r"its texts are cut to 3 tokens .*, the run's to 6"):
        rnncli.train(average=["bow3", "bow6"], name="short", runs_dir=runs_dir)
    rnncli.train(average=["bow3", "bow6"], name="both", dataset="films6", runs_dir=runs_dir)
    texts = [line.rsplit(",", 1)[0] for line in table.read_text().splitlines()[1:]]
    model = rnncli.load("both", runs_dir=runs_dir)
    whole = model.model.tokenizer.encode(texts)
    assert max(map(len, whole)) > 6
    cut = [truncate(ids, 6, keep) for ids in whole]
    np.testing.assert_allclose(model.logits(cut), model.logits(whole), rtol=0, atol=1e-12)
    assert rnncli.evaluate("both", runs_dir=runs_dir).examples


def test_equal_runs_give_an_equal_model(runs_dir: Path) -> None:
    again = rnncli.train(average=["bow", "bigru"], runs_dir=runs_dir)
    assert again.name == "films-average-1"
    assert again.model_fingerprint == Run(runs_dir / "both").model_fingerprint


def test_what_was_interrupted_can_be_resumed(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(workflow, "fit_weights", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rnncli.train(average=["bow", "bigru"], name="broken", runs_dir=runs_dir)
    assert not Run(runs_dir / "broken").finished
    resumed = rnncli.train(resume="broken", runs_dir=runs_dir)
    assert resumed.model_fingerprint == Run(runs_dir / "both").model_fingerprint


def test_a_member_that_does_not_help_is_left_out(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "fit_weights", lambda *given: averaging.fit_weights(*given) * [0, 1])
    with pytest.warns(UserWarning, match="run 'bow' adds nothing"):
        run = rnncli.train(average=["bow", "bigru"], runs_dir=runs_dir)
    assert [path.name for path in (run.model_dir / "members").iterdir()] == ["bigru"]
    assert rnncli.evaluate(run.name, runs_dir=runs_dir, verify=True).examples


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "SHA256SUMS"])
def test_damage_in_a_member_is_found(runs_dir: Path, file: str) -> None:
    path = runs_dir / "both" / "model" / "members" / "bigru" / file
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(RunError, match=f"members/bigru/{file}: "):
        rnncli.load("both", runs_dir=runs_dir)


def test_weights_that_are_none_are_refused(runs_dir: Path) -> None:
    path = runs_dir / "both" / "model" / "model.json"
    for weights in ({}, {"bow": -1.0, "bigru": 1.0}, [1]):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"weights": weights}))
        reseal(path.parent)
        with pytest.raises(RunError, match="it describes no average"):
            rnncli.load("both", runs_dir=runs_dir)


def test_what_does_not_go_together_is_refused(runs_dir: Path) -> None:
    write_table(runs_dir / "other.csv", ["bad", "good"], rows=211)
    rnncli.prepare(runs_dir / "other.csv", runs_dir=runs_dir, max_length=11)
    rnncli.train(arch="bow", name="other", epochs=2, runs_dir=runs_dir, **SIZES)
    before = set(runs_dir.iterdir())
    for error, names, message in [
        (DataError, ["bow", "other"], "its labels are bad, fair, good, the run's are bad, good"),
        (RunError, ["bow", "both"], "'both' is an average itself.*--average bow --average bigru"),
        (UsageError, ["bow"], "two or more"),
        (UsageError, ["bow", "bow"], "two or more runs with different names"),
        (RunError, ["bow", "none"], "no run 'none'"),
    ]:
        with pytest.raises(error, match=message):
            rnncli.train(average=names, runs_dir=runs_dir)
    with pytest.raises(UsageError, match="leave out the options"):
        rnncli.train(average=["bow", "bigru"], epochs=3, runs_dir=runs_dir)
    assert set(runs_dir.iterdir()) == before
