"""What the pages say is so."""

import re
from pathlib import Path

import pytest

from tests.readme import REFERENCE, with_reference

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *(page for room in ("rnncli", "tests", "runs") for page in (ROOT / room).rglob("*.md")),
]


def test_every_command_and_option_is_described() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    assert with_reference(page) == page, "run: python -m tests.readme"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_paths_are_broken(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert all((page.parent / link).exists() for link in links), page
    named = re.findall(r"`((?:rnncli|tests)/[\w/.]+)`", text)
    assert all((ROOT / name).exists() for name in named), page


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1200
