"""Checkpoints: what comes back, what is kept, and what is refused."""

from pathlib import Path
from typing import Any
from unittest import mock

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from rnncli.errors import RunError
from rnncli.training import checkpoints
from rnncli.training.checkpoints import load_newest_checkpoint, save_checkpoint
from rnncli.training.step import TrainState
from tests.training.toys import assert_equal_states


def state_at(step: int, hidden: int = 3) -> TrainState:
    """Params, an optimizer's state of tuples and scalars, and the step."""
    random = np.random.default_rng(step)
    params, moments = (
        {
            "kernel": jnp.asarray(random.standard_normal((hidden, 2)), jnp.float32),
            "bias": jnp.asarray(random.standard_normal(2), jnp.float32),
        }
        for _ in range(2)
    )
    return TrainState({"output": params}, ((), (jnp.int32(step), moments)), jnp.int32(step))


def standing_at(step: int) -> dict[str, Any]:
    return {"batch": step, "loss": 0.1 + 0.2, "best_loss": None, "history": [{"epoch": 1, "val_loss": 1 / 3}]}


def save(directory: Path, *steps: int) -> list[Path]:
    return [save_checkpoint(directory, step, state_at(step), standing_at(step)) for step in steps]


def assert_loads(directory: Path, step: int) -> list[str]:
    """The newest whole checkpoint is that of `step`; what was reported on the way to it."""
    reports: list[str] = []
    loaded = load_newest_checkpoint(directory, state_at(0), reports.append)
    assert loaded is not None
    assert_equal_states(loaded[0], state_at(step))
    assert loaded[1] == standing_at(step)
    return reports


def test_all_comes_back_bit_for_bit_and_others_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "checkpoints"
    assert load_newest_checkpoint(folder, state_at(0), pytest.fail) is None
    (path,) = save(folder, 17)
    assert assert_loads(folder, 17) == []
    arrays = load_file(path / "state.safetensors")
    assert (arrays[".step"].dtype, arrays[".params['output']['bias']"].dtype) == (np.int32, np.float32)


def test_the_two_newest_are_kept_and_an_equal_step_is_replaced(tmp_path: Path) -> None:
    save(tmp_path, 7, 11, 99, 100)
    save_checkpoint(tmp_path, 101, state_at(3), standing_at(3))
    save(tmp_path, 101)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000100", "step-00000101"]
    assert_loads(tmp_path, 101)


@pytest.mark.parametrize("file", ["state.safetensors", "state.json", "SHA256SUMS"])
def test_the_one_before_a_damaged_one_is_used(tmp_path: Path, file: str) -> None:
    """Sealed folders notice every damage; here it is what follows of it."""
    before, newest = save(tmp_path, 5, 6)
    (newest / file).write_bytes((newest / file).read_bytes()[:-5])
    (report,) = assert_loads(tmp_path, 5)
    assert report.startswith(str(newest))
    assert report.endswith("; trying the checkpoint before it")
    (before / file).unlink()
    reports: list[str] = []
    with pytest.raises(RunError, match=r"no checkpoint is whole.*--name"):
        load_newest_checkpoint(tmp_path, state_at(0), reports.append)
    assert [path.name in report for path, report in zip((newest, before), reports, strict=True)] == [True] * 2


STATE = state_at(0)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        (state_at(0, hidden=7), "['output']['kernel'] should be float32[7, 2], found float32[3, 2]"),
        (STATE._replace(params={**STATE.params, "more": jnp.zeros(5)}), "found nothing"),
        (STATE._replace(step=jnp.float32(0)), "step should be float32[], found int32[]"),
        (STATE._replace(opt_state=()), "should be nothing, found"),
    ],
)
def test_another_model_or_optimizer_is_refused_by_leaf(
    tmp_path: Path, template: TrainState, complaint: str
) -> None:
    save(tmp_path, 5)
    reports: list[str] = []
    with pytest.raises(RunError):
        load_newest_checkpoint(tmp_path, template, reports.append)
    assert complaint in reports[0]


def test_a_failing_save_leaves_the_others_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 5, 6)
    monkeypatch.setattr(checkpoints, "write_json", mock.Mock(side_effect=OSError(28, "No space")))
    for step in (6, 7):
        with pytest.raises(OSError, match="No space"):
            save(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000005", "step-00000006"]
    assert_loads(tmp_path, 6)
