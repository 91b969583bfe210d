"""The published IMDB archive: downloaded once, verified, kept in the user's cache."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rnncli.errors import DataError
from rnncli.system.progress import Progress, Report

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
MD5 = "7c2ac02c03563afcf9b574c7e56c153a"
RETRIES = 2
TIMEOUT = 30.0  # seconds without a byte
CHUNK = 2**16


def fetch_imdb(report: Report, *, url: str = URL, md5: str = MD5) -> Path:
    """Return the path of the published archive, downloaded unless it is in the cache.

    Raises:
        DataError: It cannot be downloaded, or what comes is not the published file.
    """
    import platformdirs
    import pooch

    pooch.get_logger().setLevel(logging.ERROR)
    folder, _, name = url.rpartition("/")
    fetcher = pooch.create(
        path=platformdirs.user_cache_path("rnncli"),
        base_url=f"{folder}/",
        registry={name: f"md5:{md5}"},
        retry_if_failed=RETRIES,
    )
    done = 0

    def update(count: int) -> None:
        """`count` more bytes have come, or a little less at the end."""
        nonlocal done
        done = min(done + count, bar.total or done + count)
        report(Progress("Downloading IMDB", done, bar.total or None, "bytes"))

    def download(*arguments: Any) -> None:
        """Try once; the bar starts over each time."""
        nonlocal done
        done = 0
        http(*arguments)

    bar = SimpleNamespace(total=0, update=update, reset=lambda: None, close=lambda: None)
    http = pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, timeout=TIMEOUT)
    try:
        return Path(fetcher.fetch(name, downloader=download))
    except (OSError, ValueError) as error:
        # Failures of the network come without an error number; that of a full disk has one.
        if isinstance(error, OSError) and error.errno:
            raise
        raise DataError(
            f"cannot download {url} ({_reason(error)}); give a local copy with --archive PATH, "
            "or begin with the bundled data: rnncli prepare sample"
        ) from error


def _reason(error: BaseException) -> str:
    """The innermost cause in a few words: the messages that network libraries wrap around it are long."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
