"""Tables with more than two classes through all five commands, as a user would take them."""

import csv
import json
from pathlib import Path

import pytest

from tests.cli.command import invoke
from tests.cli.tables import write_table

QUESTIONS = ["who, exactly?", "what", "Wann?", "où", "how many", 'why "so"']
MOODS = ["bad", "middling", "good"]
QUICK = (
    *("--hidden-size", "11", "--embedding-size", "13", "--batch-size", "16"),
    *("--dropout", "0", "--devices", "1"),
)


@pytest.mark.parametrize(
    ("labels", "shares", "options"),
    [
        (QUESTIONS, None, ("--arch", "bilstm")),
        (MOODS, [0.05, 0.15, 0.8], ("--arch", "bow", "--class-weights", "balanced")),
    ],
    ids=["six classes", "three unbalanced classes"],
)
def test_own_table(
    tmp_path: Path, labels: list[str], shares: list[float] | None, options: tuple[str, ...]
) -> None:
    write_table(tmp_path / "own.csv", labels, 900, shares=shares)

    prepared = invoke("prepare", "own.csv", "--max-length", "16", "--json", cwd=tmp_path)
    assert prepared.returncode == 0, prepared.stderr
    assert sorted(json.loads(prepared.stdout)["label_names"]) == sorted(labels)

    trained = invoke("train", "--epochs", "8", *QUICK, *options, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    evaluated = invoke("eval", "--json", "--fail-under", "accuracy=0.9", cwd=tmp_path)
    assert evaluated.returncode == 0, evaluated.stderr
    result = json.loads(evaluated.stdout)
    assert result["macro_f1"] > 0.8
    assert len(result["confusion"]) == len(labels)
    run = f"own-{options[1]}-1"
    assert result["run"] == run

    texts = [f"w{number}x1 the of w{number}x2 it" for number in range(len(labels))]
    (tmp_path / "new.csv").write_text("id,text\n" + "".join(f"{n},{text}\n" for n, text in enumerate(texts)))
    predicted = invoke("predict", "--input", "new.csv", "--output", "answers.csv", cwd=tmp_path)
    assert (predicted.returncode, predicted.stdout) == (0, ""), predicted.stderr
    with (tmp_path / "answers.csv").open(newline="", encoding="utf-8") as file:
        assert [row["label"] for row in csv.DictReader(file)] == labels

    compared = invoke("compare", "--json", cwd=tmp_path)
    assert compared.returncode == 0, compared.stderr
    assert [each["run"] for each in json.loads(compared.stdout)["runs"]] == [run]


def test_the_sample_needs_no_preparation(tmp_path: Path) -> None:
    trained = invoke("train", "--arch", "bow", "--epochs", "1", "--devices", "1", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "preparing the bundled sample" in trained.stderr
    for command in (("eval",), ("predict", "great movie"), ("compare",)):
        assert invoke(*command, cwd=tmp_path).returncode == 0
