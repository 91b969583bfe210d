"""What a source gives, in memory."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rnncli.data.examples import Examples, Report, Source, no_report
from rnncli.data.stored_texts import TextStore


def read(source: Source, report: Report = no_report) -> dict[str, Examples]:
    with TemporaryDirectory() as folder, TextStore(Path(folder)) as store:
        splits = source.read(store, report)
        return {name: _in_memory(examples) for name, examples in splits.items()}


def _in_memory(examples: Examples) -> Examples:
    def listed(values: Sequence[str] | None) -> list[str] | None:
        return None if values is None else list(values)

    return Examples(
        list(examples.texts),
        listed(examples.labels),
        listed(examples.tags),
        listed(examples.groups),
        examples.skipped,
    )
