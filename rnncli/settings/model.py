"""What a classifier is made of; the registry of cells and poolings."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from rnncli.settings.base import Settings, require, setting


class CellKind(NamedTuple):
    """A recurrent cell: where its code is and what its arrays hold.

    Attributes:
        class_name: its class in `rnncli.models.cells`; its twin is the function of the option's name
            in `rnncli.models.numpy_cells`.
        gates: its gates in the order of the kernels' columns.
        carry: the arrays that go from a time step to the next, the state h first.
    """

    class_name: str
    gates: tuple[str, ...]
    carry: tuple[str, ...]


CELLS = {
    "rnn": CellKind("RNNCell", gates=("h",), carry=("h",)),
    "lstm": CellKind("LSTMCell", gates=("i", "f", "g", "o"), carry=("h", "c")),
    "gru": CellKind("GRUCell", gates=("r", "z", "n"), carry=("h",)),
}
# The vectors that a pooling puts side by side; each is a function of `rnncli.models.pooling` and a
# method of `rnncli.models.numpy_forward.Packed`.
POOLINGS = {"last": ("last",), "max": ("maximum",), "mean": ("mean",), "maxmean": ("maximum", "mean")}

DIRECTIONS = ("forward", "backward")
Objective = Literal["classification", "language-model"]
# Those with an encoder, those that learn by gradients, and all.
RECURRENT_ARCHES = (*CELLS, *(f"bi{cell}" for cell in CELLS))
NEURAL_ARCHES = ("bow", *RECURRENT_ARCHES)
ARCHES = ("ngram", *NEURAL_ARCHES)


@dataclass(frozen=True)
class ModelSettings(Settings):
    """What a user decides about a model."""

    arch: str = setting(
        "bilstm", "Architecture: bag of words, linear model of n-grams, or recurrent encoder.", choices=ARCHES
    )
    embedding_size: int = setting(128, "Size of a word's vector.", min=1)
    hidden_size: int = setting(64, "Size of the hidden state in each direction.", min=1)
    num_layers: int = setting(1, "Number of stacked recurrent layers.", min=1)
    dropout: float = setting(0.5, "Share of units dropped during training.", min=0, below=1)
    word_dropout: float = setting(
        0.0, "Share of the vocabulary's words dropped whole in each training step.", min=0, below=1
    )
    embedding_dropout: float = setting(
        0.0, "Share of the components of all word vectors dropped in each training step.", min=0, below=1
    )
    weight_dropout: float = setting(
        0.0, "Share of the recurrent kernels' weights dropped in each training step.", min=0, below=1
    )
    pooling: str = setting("last", "How the states of a text become one vector.", choices=tuple(POOLINGS))
    evidence: bool = setting(
        False,
        "Beside each word's vector, the encoder reads for which class the word, the pair and the triple of "
        "words that end there speak (log-count ratios).",
    )
    max_ngrams: int = setting(0, "Know at most this many n-grams, the most frequent ones; 0: all.", min=0)
    compact: bool = setting(
        False,
        "Store word vectors and n-grams in 8 bits a number: a quarter of the size, and a little less exact.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(not self.evidence or bool(self.cell), f"evidence needs a recurrent --arch, not {self.arch}")

    @property
    def cell(self) -> str:
        """The recurrent cell, a key of `CELLS`; empty for the bag of words and the n-grams."""
        return "" if self.arch in ("bow", "ngram") else self.arch.removeprefix("bi")

    @property
    def reads_ngrams(self) -> bool:
        """Whether the model has a table of n-grams."""
        return self.evidence or self.arch == "ngram"

    @property
    def num_directions(self) -> int:
        """1, or 2 for encoders that also read from the end."""
        return 2 if self.arch.startswith("bi") else 1

    def shape(
        self, *, vocab_size: int, num_classes: int, objective: Objective = "classification"
    ) -> "ModelShape":
        """The shape of such a model for data with these sizes and for an objective."""
        return ModelShape(
            **self.options(), vocab_size=vocab_size, num_classes=num_classes, objective=objective
        )


@dataclass(frozen=True, kw_only=True)
class ModelShape(ModelSettings):
    """A model's settings and the sizes that its data gives: with parameters, all of a forward pass."""

    vocab_size: int = setting(0, "Words, padding and unknown included.", min=1)
    num_classes: int = setting(0, "Classes told apart.", min=2)
    objective: Objective = setting("classification", "What it learns, and so what follows the encoder.")

    @property
    def num_outputs(self) -> int:
        """Output units: one logit for two classes (of the second), else one a class."""
        return 1 if self.num_classes == 2 else self.num_classes
