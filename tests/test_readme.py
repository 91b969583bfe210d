"""What README.md and runs/README.md say is so."""

import re
from pathlib import Path

from tests.readme import README, with_reference

RUNS_README = Path(__file__).parents[1] / "runs" / "README.md"


def test_every_command_and_option_is_described() -> None:
    readme = README.read_text(encoding="utf-8")
    assert with_reference(readme) == readme, "run: python -m tests.readme"


def test_no_paths_are_broken() -> None:
    for document in (README, RUNS_README):
        links = re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text(encoding="utf-8"))
        assert all((document.parent / link).exists() for link in links)
