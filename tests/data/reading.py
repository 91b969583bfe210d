"""What a source gives, in memory."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rnncli.data.examples import Examples, Report, Source, no_report
from rnncli.data.stored_texts import TextStore


def read(source: Source, report: Report = no_report) -> dict[str, Examples]:
    with TemporaryDirectory() as folder, TextStore(Path(folder)) as store:
        splits = source.read(store, report)
        return {name: replace(examples, texts=list(examples.texts)) for name, examples in splits.items()}
