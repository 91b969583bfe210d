"""What `rnncli eval --suite` shows: accuracy by kind of statement, and the worst mistakes."""

from rich.console import ConsoleOptions, RenderableType
from rich.text import Text

from rnncli.evaluation.suite import SuiteResult
from rnncli.reporting.formatting import fraction, interval, printable
from rnncli.reporting.tables import GAP, Column, names_column, stacked, table, total_width


def suite_tables(result: SuiteResult, worst: int, options: ConsoleOptions) -> RenderableType:
    """The accuracy of each kind; below it the `worst` statements that the run gets wrong."""
    shares = result.shares
    heading = Text.assemble(
        (printable(result.run), "bold"), f" on suite {result.suite}: {len(result.answers):,} statements"
    )
    columns = [
        names_column("kind", shares, options.max_width),
        Column("right", [f"{share.right:,}" for share in shares.values()]),
        Column("of", [f"{share.examples:,}" for share in shares.values()]),
        Column("accuracy", [fraction(share.accuracy) for share in shares.values()]),
        Column("95 % interval", [interval(share.interval) for share in shares.values()]),
    ]
    parts: list[RenderableType] = [heading, table(columns)]
    if wrong := result.worst(worst):
        figures = [
            Column("label", [answer.statement.label for answer in wrong], "left"),
            Column("predicted", [answer.predicted for answer in wrong], "left"),
            Column("probability", [fraction(answer.probability) for answer in wrong]),
        ]
        room = options.max_width - total_width(figures) - GAP
        parts.append(table([names_column("text", [a.statement.text for a in wrong], room), *figures]))
    return stacked(parts)
