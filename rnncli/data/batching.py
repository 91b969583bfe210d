"""Batches of token ids from a split: which texts together, in which order, padded to which length."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncli.data.dataset import Split
from rnncli.settings.train import TrainSettings
from rnncli.text.tokenizer import PAD_ID

Ints = NDArray[np.int32]

WINDOW = 32  # batches whose texts are sorted by length together
LENGTH_MULTIPLE = 8
MOST_WIDTHS = 4
SMALL_VOCABULARY = 2_000  # words; fewer are not worth a list
ROOM_SLACK = 1.1
ROOM_MULTIPLE = 128
TOKENS_PER_WIDTH = 50_000  # a length of its own must save more padding than its compilation costs
SAMPLED_BATCHES = 8  # of each length, looked at to see how many distinct words a batch has


class Batch(NamedTuple):
    """Texts of equal padded length.

    Attributes:
        positions: [batch, time] places in `words`; 0, padding, fills the left.
        words: [shards, room] for each shard of the batch its distinct token ids, the first of them
            padding; None for the whole vocabulary.
    """

    positions: Ints
    words: Ints | None


class Plan(NamedTuple):
    """One batch to come: the rows in it and the length to pad them to."""

    rows: Ints
    width: int


class Batcher:
    """Batches of the texts of a training's parts, in few shapes, so that few programs serve them all."""

    def __init__(
        self,
        splits: Mapping[str, Split],
        settings: TrainSettings,
        *,
        vocab_size: int,
        max_length: int,
        num_devices: int,
    ) -> None:
        """Choose the lengths that batches are padded to, and how many distinct words they have room for.

        Args:
            splits: the texts of each part; those of ``train`` decide.
            settings: of the training.
            vocab_size: all token ids are below it.
            max_length: no text has more tokens.
            num_devices: they have equal parts of a batch, each with a list of words of its own.
        """
        self._splits, self._vocab_size, self._num_devices = splits, vocab_size, num_devices
        self._batch_size = settings.data.batch_size
        longest = max(int(split.lengths.max(initial=1)) for split in splits.values())
        in_buckets = settings.data.batching == "buckets"
        train = splits["train"]
        self._widths = bucket_widths(train.lengths, longest) if in_buckets else (round_up(max_length),)
        self._rooms = {}
        plans = self.plans("train", np.random.default_rng([settings.seed, 1]))
        for width in {plan.width for plan in plans}:
            some = [plan for plan in plans if plan.width == width][:SAMPLED_BATCHES]
            batches = [pad(train, plan.rows, width, self._batch_size) for plan in some]
            self._rooms[width] = room_for_words(batches, vocab_size, num_devices)

    def plans(self, part: str, random: np.random.Generator | None) -> list[Plan]:
        """The batches of an epoch, see `plan_epoch`."""
        return plan_epoch(self._splits[part].lengths, self._batch_size, self._widths, random)

    def texts(self, part: str, plan: Plan) -> Batch:
        """The texts of a planned batch."""
        token_ids = pad(self._splits[part], plan.rows, plan.width, self._batch_size)
        return distinct_words(token_ids, self._vocab_size, self._num_devices, self._rooms.get(plan.width, 0))


def bucket_widths(lengths: Ints, max_length: int) -> tuple[int, ...]:
    """A few lengths to pad to, ascending, the last of which is `max_length`, rounded up.

    Among all choices of so many lengths they are the one with the least padding, were every text
    padded by itself. The fewer tokens there are, the fewer lengths.
    """
    count = int(np.clip(lengths.sum() // TOKENS_PER_WIDTH, 1, MOST_WIDTHS))
    longest = round_up(max_length) // LENGTH_MULTIPLE
    texts = np.bincount(np.maximum(-(-lengths // LENGTH_MULTIPLE), 1), minlength=longest + 1)
    texts[longest] += 1
    widths = np.flatnonzero(texts)
    texts, widths = texts[widths], widths * LENGTH_MULTIPLE
    up_to = np.cumsum(texts)
    padded = widths * up_to  # tokens of the texts up to each width, with that width alone
    choices = [(int(width),) for width in widths]
    below = np.tri(len(widths), k=-1, dtype=bool)
    for _ in range(count - 1):
        # [i, j]: width i takes the texts above width j, whose best choice takes the rest
        options = padded[None, :] + widths[:, None] * (up_to[:, None] - up_to[None, :])
        options = np.where(below, options, padded[:, None])
        best = options.argmin(axis=1)
        better = options.min(axis=1) < padded
        choices = [
            (*choices[best[i]], int(width)) if better[i] else choices[i] for i, width in enumerate(widths)
        ]
        padded = options.min(axis=1)
    return choices[-1]


def round_up(length: int) -> int:
    """The next length that batches are padded to."""
    return max(1, -(-length // LENGTH_MULTIPLE)) * LENGTH_MULTIPLE


def plan_epoch(
    lengths: Ints, batch_size: int, widths: Sequence[int], rng: np.random.Generator | None
) -> list[Plan]:
    """Divide all rows into batches.

    With `rng` the rows are shuffled; texts of similar length meet, within windows of some
    batches; and the batches are shuffled. Without, the rows are sorted by length.
    """
    if rng is None:
        order = np.argsort(lengths, kind="stable").astype(np.int32)
    else:
        order = np.arange(len(lengths), dtype=np.int32)
        rng.shuffle(order)
        if len(widths) > 1:
            for window in _chunks(order, batch_size * WINDOW):
                window[:] = window[np.argsort(lengths[window], kind="stable")]
    plans = []
    for rows in _chunks(order, batch_size):
        longest = lengths[rows].max()
        plans.append(Plan(rows, next(width for width in widths if width >= longest)))
    return plans if rng is None else [plans[number] for number in rng.permutation(len(plans))]


def _chunks(rows: Ints, size: int) -> Iterator[Ints]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def pad(texts: Split | Sequence[NDArray[np.integer]], rows: Ints, width: int, batch_size: int) -> Ints:
    """The rows' token ids padded on the left to [batch_size, width]; missing rows are empty texts."""
    token_ids = np.full((batch_size, width), PAD_ID, np.int32)
    for place, row in enumerate(rows):
        ids = texts[int(row)]
        token_ids[place, width - len(ids) :] = ids
    return token_ids


def pad_evidence(
    evidence: NDArray[np.float32],
    offsets: NDArray[np.integer],
    rows: Iterable[int],
    batch_size: int,
    width: int,
) -> NDArray[np.float32]:
    """The rows' evidence [tokens, size] padded as `pad` does to [batch_size, width, size].

    That of text `i` is ``evidence[offsets[i]:offsets[i + 1]]``.
    """
    padded = np.zeros((batch_size, width, evidence.shape[1]), np.float32)
    for place, row in enumerate(rows):
        found = evidence[offsets[row] : offsets[row + 1]]
        padded[place, width - len(found) :] = found
    return padded


def distinct_words(token_ids: Ints, vocab_size: int, shards: int, room: int) -> Batch:
    """Name each distinct word once in every shard of a batch.

    Args:
        token_ids: [batch, time].
        vocab_size: all ids are below it.
        shards: equal parts that the batch is split into, each with its own list.
        room: length of each list; what is left of it is filled with padding. Where the words of a
            shard do not fit, or where it is 0, the vocabulary itself serves.
    """
    parts = token_ids.reshape(shards, -1)
    words = np.full((shards, room), PAD_ID, np.int32)
    places = np.zeros((shards, vocab_size), np.int32)
    for shard, ids in enumerate(parts):
        distinct = _distinct(ids, vocab_size)
        if len(distinct) > room:
            return Batch(token_ids, None)
        words[shard, : len(distinct)] = distinct
        places[shard, distinct] = np.arange(len(distinct), dtype=np.int32)
    positions = np.take_along_axis(places, parts.astype(np.int64), axis=1)
    return Batch(positions.reshape(token_ids.shape), words)


def room_for_words(token_ids: Sequence[Ints], vocab_size: int, shards: int) -> int:
    """How long the lists of `distinct_words` should be, judged by some batches [batch, time].

    Rounded up with some slack, so that nearly every batch fits and one program serves them all;
    0 where the lists would not be well below the vocabulary.
    """
    most = max(len(_distinct(ids, vocab_size)) for batch in token_ids for ids in batch.reshape(shards, -1))
    room = -(-int(ROOM_SLACK * most) // ROOM_MULTIPLE) * ROOM_MULTIPLE
    return room if vocab_size >= SMALL_VOCABULARY and room <= 0.75 * vocab_size else 0


def _distinct(token_ids: Ints, vocab_size: int) -> NDArray[np.int64]:
    """The distinct ids, ascending, padding among them in any case."""
    present = np.zeros(vocab_size, bool)
    present[token_ids.ravel()] = True
    present[PAD_ID] = True
    return np.flatnonzero(present)
