"""Recurrent text classification, from the command line and from Python.

Each command is a function here: `prepare`, `train`, `evaluate` and `compare` take the command's options
as arguments, `predict` a stream of texts and the model that `load` gives. They print nothing, and raise
an `rnncli.errors.RnncliError` where the command would end with a message.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnncli.workflows.compare import compare
    from rnncli.workflows.evaluate import evaluate
    from rnncli.workflows.predict import load, predict
    from rnncli.workflows.prepare import prepare
    from rnncli.workflows.train import train

__version__ = "0.1.0"
__all__ = ["compare", "evaluate", "load", "predict", "prepare", "train"]


def __getattr__(name: str) -> Any:
    """Import a function when it is first asked for: `rnncli --help` needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module 'rnncli' has no attribute '{name}'")
    module = import_module(f"rnncli.workflows.{'predict' if name == 'load' else name}")
    return getattr(module, name)


def __dir__() -> list[str]:
    """The names of the functions too, before they are imported."""
    return [*globals(), *__all__]
