import io
from collections.abc import Iterator

from rich.console import Console

from rnncli.reporting.stage_progress import stage_progress
from rnncli.system.progress import Progress


def shown(*progress: Progress, terminal: bool = False, quiet: bool = False, step: float = 1.0) -> str:
    """What is written for these reports, with a clock that goes on by `step` seconds at each look."""
    times: Iterator[float] = (step * i for i in range(1000))
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=60, quiet=quiet)
    with stage_progress(console, clock=lambda: next(times)) as show:
        for report in progress:
            show(report)
    return stream.getvalue()


def test_a_line_for_each_finished_stage() -> None:
    text = shown(
        Progress("Reading a [b].csv", 4096, None),
        Progress("Reading a [b].csv", 5003, 5003),
        Progress("Encoding train", 0, 5003),
        Progress("Encoding train", 5003, 5003),
    )
    assert text == "Reading a [b].csv: 5,003 texts (2.0 s)\nEncoding train: 5,003 texts (4.0 s)\n"


def test_a_long_name_is_cut_to_fit_the_line() -> None:
    text = shown(Progress(f"Reading {'x' * 200}.csv", 7_000_000, 7_000_000))
    assert text.startswith("Reading xxx")
    assert "…: 7,000,000 texts" in text
    assert len(text) <= 80


def test_a_slow_stage_gives_a_sign_of_life() -> None:
    text = shown(*(Progress("Downloading", i * 10**6, 84 * 10**6, "bytes") for i in range(7)), step=4.0)
    assert text == "Downloading: 2/84 MB (12.0 s)\nDownloading: 5/84 MB (24.0 s)\n"


def test_bars_on_a_terminal_and_nothing_when_quiet() -> None:
    text = shown(Progress("Reading", 7, None), Progress("Encoding", 3, 9), terminal=True)
    assert "Reading" in text
    assert "3/9 texts" in text
    for terminal in (True, False):
        assert shown(Progress("Reading", 9, 9), quiet=True, terminal=terminal) == ""
