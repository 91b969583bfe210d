from array import array
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnncli.data.array_writer import ArrayWriter
from rnncli.data.copies import text_digest
from rnncli.data.stored_texts import CHUNK, StoredTexts, TextStore

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # half surrogate pairs too


@given(st.lists(ANY_TEXT))
def test_texts_come_back_as_they_went_in(texts: list[str]) -> None:
    with TemporaryDirectory() as folder, TextStore(Path(folder)) as store:
        stored = StoredTexts(store)
        for row, text in enumerate(texts):
            stored.append(text)
            assert stored[row // 2] == texts[row // 2]  # reading and writing take turns
            assert stored.digests[row] == text_digest(text)
        assert list(stored) == [stored[row] for row in range(len(stored))] == texts
        assert stored.digests.tolist() == [text_digest(text) for text in texts]
        chosen = np.arange(len(texts)) % 3 != 1
        assert list(stored.take(chosen)) == [texts[row] for row in np.flatnonzero(chosen)]
        assert stored.take(chosen).digests.tolist() == stored.digests[chosen].tolist()
        assert list(stored[1:5]) == texts[1:5]


def test_texts_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    with TextStore(tmp_path) as store:
        numbers = [store.add(text) for text in ("a", "b", "", "c")]
        assert list(StoredTexts(store, array("I", reversed(numbers)))) == ["c", "", "b", "a"]
        with pytest.raises(IndexError):
            StoredTexts(store)[0]


def test_digests_may_be_written_over(tmp_path: Path) -> None:
    with TextStore(tmp_path) as store:
        numbers = array("I", [store.add(str(row)) for row in range(2 * CHUNK + 7)])
        digests = store.digests(numbers)
        digests[::2] = 0
        assert store.digests(numbers).tolist() == [text_digest(str(row)) for row in numbers]
        assert digests.tolist() == [text_digest(str(row)) if row % 2 else 0 for row in numbers]


def test_a_store_leaves_nothing_behind(tmp_path: Path) -> None:
    with TextStore(tmp_path) as store:
        store.add("a" * 100_000)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
@pytest.mark.parametrize("sizes", [[], [0], [3, 0, 5], [997] * 11])
def test_an_array_written_in_parts_is_the_file_that_numpy_writes(
    tmp_path: Path, dtype: type[np.integer], sizes: list[int]
) -> None:
    parts = [np.arange(size, dtype=np.int32) for size in sizes]
    with ArrayWriter(tmp_path / "parts.npy", dtype) as file:
        for part in parts:
            file.append(part)
    np.save(tmp_path / "whole.npy", np.concatenate([np.zeros(0, np.int32), *parts]).astype(dtype))
    assert (tmp_path / "parts.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
