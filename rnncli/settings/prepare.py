"""How texts become a prepared dataset."""

from dataclasses import dataclass
from typing import Literal

from rnncli.settings.base import Settings, require, setting

Keep = Literal["end", "start", "both"]


@dataclass(frozen=True)
class PrepareSettings(Settings):
    """How texts become a prepared dataset; part of its fingerprint."""

    vocab_size: int = setting(
        10_000, "Words kept, the most frequent ones; 2 entries stand for padding and unknown.", min=3
    )
    max_length: int = setting(200, "Tokens kept of a text.", min=1)
    keep: Keep = setting(
        "end", "Which tokens of a longer text are kept: the last, the first, or half of each."
    )
    val_fraction: float = setting(
        0.1, "Share of the rows for validation, where the source sets none apart.", above=0, below=1
    )
    test_fraction: float = setting(
        0.1, "Share of the rows for the test split, where the source sets none apart.", above=0, below=1
    )
    seed: int = setting(0, "Seed of the sample and of the splits.", min=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.val_fraction + self.test_fraction < 1,
            "val_fraction and test_fraction together must leave texts for training",
        )
