"""What a source gives, in memory."""

import dataclasses
from collections.abc import Callable
from tempfile import TemporaryFile
from typing import Any

from rnncli.data.examples import Examples
from rnncli.system.progress import Report, no_report


def in_memory(
    read: Callable[..., dict[str, Examples]], *source: Any, report: Report = no_report, **options: Any
) -> dict[str, Examples]:
    """The examples that `read` gives of a source, with their texts as lists."""
    with TemporaryFile() as file:
        splits = read(*source, file, report, **options)
        return {
            name: dataclasses.replace(examples, texts=list(examples.texts))
            for name, examples in splits.items()
        }
