import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from rnncli.data.sources.download import fetch_imdb
from rnncli.errors import DataError
from rnncli.system.progress import Progress, no_report

CONTENT = bytes(range(256)) * 1009
DIGEST = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


@contextmanager
def server(*answers: bytes | int) -> Iterator[tuple[str, list[str]]]:
    """Serve `answers` in turn, the last for ever; a number is a status. Yields the address and requests."""
    remaining, requests = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            self.send_response(answer if isinstance(answer, int) else 200)
            body = b"" if isinstance(answer, int) else answer
            self.send_header("Content-Length", str(len(CONTENT) if body else 0))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/data/archive.tar.gz", requests
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("time.sleep", lambda _: None)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "rnncli"


def test_it_is_downloaded_once_with_progress(cache: Path) -> None:
    reports: list[Progress] = []
    with server(CONTENT) as (url, requests):
        path = fetch_imdb(reports.append, url=url, md5=DIGEST)
        assert path == fetch_imdb(reports.append, url=url, md5=DIGEST) == cache / "archive.tar.gz"
    assert path.read_bytes() == CONTENT
    assert requests == ["/data/archive.tar.gz"]
    done = [progress.done for progress in reports]
    assert done == sorted(done)
    assert reports[-1] == Progress("Downloading IMDB", len(CONTENT), len(CONTENT), "bytes")


@pytest.mark.parametrize("first", [503, CONTENT[:70_000], CONTENT[:-1] + b"x"])
def test_a_failed_download_is_tried_again(cache: Path, first: bytes | int) -> None:
    with server(first, CONTENT) as (url, requests):
        assert fetch_imdb(no_report, url=url, md5=DIGEST).read_bytes() == CONTENT
    assert len(requests) == 2
    assert [path.name for path in cache.iterdir()] == ["archive.tar.gz"]


@pytest.mark.parametrize("answer", [404, CONTENT[:-1] + b"x"])
def test_a_download_that_keeps_failing_leaves_nothing_and_names_the_ways_out(
    cache: Path, answer: bytes | int
) -> None:
    with (
        server(answer) as (url, requests),
        pytest.raises(DataError, match=r"cannot download http.*--archive PATH.*rnncli prepare sample"),
    ):
        fetch_imdb(no_report, url=url, md5=DIGEST)
    assert len(requests) == 3
    assert list(cache.iterdir()) == []


def test_without_a_network() -> None:
    with server(404) as (url, _):
        pass
    with pytest.raises(DataError, match=r"\(\[Errno \d+\] Connection refused\).*--archive PATH"):
        fetch_imdb(no_report, url=url, md5=DIGEST)


def test_a_cache_that_cannot_be_written_is_not_called_a_network_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with server(CONTENT) as (url, _), pytest.raises(OSError, match=r"Not a directory|write"):
        fetch_imdb(no_report, url=url, md5=DIGEST)
