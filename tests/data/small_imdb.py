"""Archives, above all in the layout of the IMDB reviews, with texts of our own."""

import io
import tarfile
from pathlib import Path

Files = dict[str, bytes]


def small_imdb(films: int = 7, reviews: int = 11) -> Files:
    """An archive's files: `reviews` reviews in each part, spread over `films` films."""
    files: Files = {"README": b"text", "imdb.vocab": b"the\n", "train/labeledBow.feat": b"0 1:2\n"}
    for part in ("train/neg", "train/pos", "train/unsup", "test/neg", "test/pos"):
        folder, kind = part.split("/")
        urls = ""
        for number in range(reviews):
            text = f"{folder} {kind} {number}<br />é"
            files[f"{folder}/{kind}/{number}_{number % 10}.txt"] = text.encode()
            urls += f"http://www.imdb.com/title/tt{number % films:07}/usercomments\n"
        files[f"{folder}/urls_{kind}.txt"] = urls.encode()
    return files


def pack(path: Path, files: Files, *, root: str = "aclImdb/", tar_format: int = tarfile.PAX_FORMAT) -> Path:
    mode = "w:gz" if path.suffix == ".gz" else "w:"
    with tarfile.open(path, mode, format=tar_format) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(f"{root}{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path
