"""`import rnncli`: what README.md shows works, and nothing is imported before it is needed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rnncli
from rnncli.inference.model_folder import save_model
from rnncli.settings.model import ModelShape
from tests.factories import random_model

ROOT = Path(__file__).parents[1]
FRUGAL = """
import sys
import rnncli
assert not {"numpy", "typer", "tokenizers"} & sys.modules.keys()
model = rnncli.load("model")
first, second = model.predict(["great movie", ""])
assert first.label in first.probabilities and abs(sum(first.probabilities.values()) - 1) < 1e-6
assert (first.tokens, second.tokens) == (2, 0)
rows = list(rnncli.predict(["great movie", ""], model))
assert [(row.text, found) for row, found in rows] == [("great movie", first), ("", second)]
assert "numpy" in sys.modules
assert not {"jax", "flax", "optax", "rich", "typer", "matplotlib"} & sys.modules.keys()
"""


def run_python(code: str, folder: Path) -> str:
    """What a program prints in `folder`, where a warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_few_texts_need_no_jax(tmp_path: Path) -> None:
    model = random_model(ModelShape("bigru", vocab_size=11, num_classes=2, embedding_size=5, hidden_size=3))
    save_model(tmp_path / "model", model)
    assert run_python(FRUGAL, tmp_path) == ""


def test_the_examples_of_the_readme_run(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert examples
    run_python("\n".join(examples), tmp_path)


def test_every_name_is_there() -> None:
    assert rnncli.__all__ == ["compare", "evaluate", "load", "predict", "prepare", "train"]
    assert set(rnncli.__all__) <= set(dir(rnncli))
    assert all(getattr(rnncli, name).__doc__ for name in rnncli.__all__)
    with pytest.raises(AttributeError, match="module 'rnncli' has no attribute 'fit'"):
        rnncli.fit  # noqa: B018
