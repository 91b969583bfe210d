"""What a run's config.json says of how it was made, besides its settings."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from rnncli import __version__
from rnncli.data.dataset import Dataset


def provenance(dataset: Dataset, packages: Sequence[str], **machine: str) -> dict[str, Any]:
    """The dataset, the versions of `packages`, and the machine, of which the caller may know more."""
    return {
        "dataset": dataset.manifest.name,
        "fingerprint": dataset.fingerprint,
        "dataset_path": str(dataset.path.resolve()),
        "versions": {"rnncli": __version__} | {name: version(name) for name in packages},
        "platform": {"python": platform.python_version(), "machine": platform.machine()} | machine,
    }
