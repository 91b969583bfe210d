"""Checkpoints: what comes back, what is kept, and what happens to damaged ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

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

    def array(*shape: int) -> jnp.ndarray:
        return jnp.asarray(random.standard_normal(shape), jnp.float32)

    params = {"output": {"kernel": array(hidden, 2), "bias": array(2)}}
    moments = {"output": {"kernel": array(hidden, 2), "bias": array(2)}}
    return TrainState(params, ((), (jnp.int32(step), moments)), jnp.int32(step))


def standing_at(step: int) -> dict[str, Any]:
    return {"batch": step, "loss": 0.1 + 0.2, "best_loss": None, "history": [{"epoch": 1, "val_loss": 1 / 3}]}


def save(directory: Path, *steps: int) -> list[Path]:
    return [save_checkpoint(directory, step, state_at(step), standing_at(step)) for step in steps]


def load(
    directory: Path, template: TrainState | None = None
) -> tuple[tuple[TrainState, dict[str, Any]], list[str]]:
    reports: list[str] = []
    loaded = load_newest_checkpoint(directory, template or state_at(0), reports.append)
    assert loaded is not None
    return loaded, reports


def test_all_comes_back_bit_for_bit(tmp_path: Path) -> None:
    save(tmp_path / "deep" / "checkpoints", 17)
    (state, standing), reports = load(tmp_path / "deep" / "checkpoints")
    assert_equal_states(state, state_at(17))
    assert [leaf.dtype for leaf in (state.step, state.params["output"]["bias"])] == [np.int32, np.float32]
    assert standing == standing_at(17)
    assert reports == []


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert load_newest_checkpoint(tmp_path, state_at(0), pytest.fail) is None
    assert load_newest_checkpoint(tmp_path / "missing", state_at(0), pytest.fail) is None


def test_the_two_newest_are_kept(tmp_path: Path) -> None:
    save(tmp_path, 7, 11, 99, 100, 101)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000100", "step-00000101"]
    assert int(load(tmp_path)[0][0].step) == 101


def test_an_equal_step_is_replaced(tmp_path: Path) -> None:
    save(tmp_path, 3)
    save_checkpoint(tmp_path, 3, state_at(3)._replace(params=state_at(4).params), standing_at(5))
    (state, standing), _ = load(tmp_path)
    np.testing.assert_array_equal(state.params["output"]["bias"], state_at(4).params["output"]["bias"])
    assert standing["batch"] == 5


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("state.safetensors", cut),
        ("state.safetensors", flip),
        ("state.safetensors", Path.unlink),
        ("state.safetensors", lambda path: path.write_bytes(b"")),
        ("state.json", cut),
        ("state.json", Path.unlink),
        ("state.json", lambda path: path.write_text("{}")),
        ("SHA256SUMS", cut),
        ("SHA256SUMS", Path.unlink),
    ],
)
def test_the_one_before_a_damaged_one_is_used(
    tmp_path: Path, file: str, damage: Callable[[Path], object]
) -> None:
    before, newest = save(tmp_path, 5, 6)
    damage(newest / file)
    (state, standing), reports = load(tmp_path)
    assert_equal_states(state, state_at(5))
    assert standing == standing_at(5)
    (report,) = reports
    assert report.startswith(str(newest))
    assert report.endswith("; trying the checkpoint before it")
    damage(before / file)
    with pytest.raises(RunError, match=r"no checkpoint is whole.*--name"):
        load_newest_checkpoint(tmp_path, state_at(0), reports.append)
    assert [str(path) in report for path, report in zip((newest, before), reports[1:], strict=True)] == [
        True
    ] * 2


def test_another_model_s_checkpoint_is_refused_by_leaf_and_shapes(tmp_path: Path) -> None:
    save(tmp_path, 5)
    reports: list[str] = []
    with pytest.raises(RunError):
        load_newest_checkpoint(tmp_path, state_at(0, hidden=7), reports.append)
    assert "['output']['kernel'] should be float32[7, 2], found float32[3, 2]" in reports[0]


def test_another_optimizer_s_checkpoint_is_refused(tmp_path: Path) -> None:
    """A part that is missing, one that has another type, and one too many."""
    save(tmp_path, 5)
    state = state_at(0)
    for template, complaint in {
        "missing": (state._replace(params={**state.params, "more": jnp.zeros(5)}), "found nothing"),
        "type": (state._replace(step=jnp.float32(0)), "step should be float32[], found int32[]"),
        "unknown": (state._replace(opt_state=()), "opt_state"),
    }.values():
        reports: list[str] = []
        with pytest.raises(RunError):
            load_newest_checkpoint(tmp_path, template, reports.append)
        assert complaint in reports[0]


def test_a_failing_save_leaves_the_others_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 5, 6)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write_json", fail)
        for step in (6, 7):
            with pytest.raises(OSError, match="No space"):
                save(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000005", "step-00000006"]
    assert_equal_states(load(tmp_path)[0][0], state_at(6))


def test_what_a_killed_save_leaves_is_no_checkpoint(tmp_path: Path) -> None:
    save(tmp_path, 5)
    leftover = tmp_path / ".step-00000009.x1y2.tmp" / "new"
    leftover.mkdir(parents=True)
    (leftover / "state.safetensors").write_bytes(b"half")
    assert load(tmp_path)[1] == []
    assert int(load(tmp_path)[0][0].step) == 5


def test_arrays_can_be_read_by_others(tmp_path: Path) -> None:
    (path,) = save(tmp_path, 5)
    arrays = load_file(path / "state.safetensors")
    np.testing.assert_array_equal(arrays[".params['output']['bias']"], state_at(5).params["output"]["bias"])
