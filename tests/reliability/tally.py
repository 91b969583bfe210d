"""What was tried, and whether it held."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

HEADER = "| mishap | to | times | held | lost | |\n|---|---|--:|--:|--:|---|"


@dataclass
class Tally:
    """How often something was tried, and where it was lost."""

    part: str  # the kind of mishap
    what: str  # the thing it happened to
    tried: int = 0
    lost: list[str] = field(default_factory=list)  # a line for each time that it did not hold
    note: str = ""  # what else is worth a figure

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Count the body, and its failure as a loss."""
        self.tried += 1
        try:
            yield
        except Exception as error:  # whatever it is, it is a loss
            self.lost.append(f"{self.part}, {self.what}, {name}: {type(error).__name__}: {error}")

    def row(self) -> str:
        """The tally as a row of a Markdown table."""
        held = self.tried - len(self.lost)
        return f"| {self.part} | {self.what} | {self.tried:,} | {held:,} | {len(self.lost):,} | {self.note} |"


def require_no_loss(tallies: Iterable[Tally]) -> int:
    """Raise AssertionError with every loss; return how often something was tried."""
    found = [*tallies]
    lost = [line for tally in found for line in tally.lost]
    assert not lost, "\n".join(lost)
    return sum(tally.tried for tally in found)
