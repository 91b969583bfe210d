"""The folder with all that prediction needs, written once and checked at every load.

model/model.safetensors   the weights, float32, by name
      tokenizer.json      the vocabulary and the rules that find words
      model.json          shape, label names, limits, and golden pairs: token ids with the
                          probabilities they gave
      SHA256SUMS          the checksums of the three
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from rnncli.errors import DataError, RunError, UsageError
from rnncli.models.numpy_forward import forward, to_probabilities
from rnncli.models.parameters import expected_shapes
from rnncli.settings.model import ModelShape
from rnncli.settings.prepare import Keep, PrepareSettings
from rnncli.system.files import write_json
from rnncli.system.sealed import Sealed, sealed_folder
from rnncli.text.tokenizer import Tokenizer

FORMAT_VERSION = 2
WEIGHTS, TOKENIZER, DESCRIPTION = "model.safetensors", "tokenizer.json", "model.json"
GOLDEN_LENGTHS = (0, 1, 2, 7, 31)
GOLDEN_TOLERANCE = 1e-6  # the replay is the same double precision arithmetic, on any machine
REMEDY = "copy the run again from where it is whole, or train it again"

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class SavedModel:
    """A trained classifier with everything that turns a text into probabilities."""

    config: ModelShape
    label_names: tuple[str, ...]
    max_length: int
    keep: Keep
    weights: Weights
    tokenizer: Tokenizer
    dataset: Mapping[str, str]  # name and fingerprint of what it was trained on


def save_model(directory: Path, model: SavedModel) -> None:
    """Write `model` as the folder `directory`, replacing it whole.

    Raises:
        RunError: a weight has the wrong name, shape or type, or is not finite; or the label
            names or the vocabulary do not fit the classifier's shape.
    """
    from safetensors.numpy import save

    _check(model, where=directory)
    description = {
        "format_version": FORMAT_VERSION,
        "config": model.config.to_dict(),
        "label_names": list(model.label_names),
        "max_length": model.max_length,
        "keep": str(model.keep),
        "dataset": dict(model.dataset),
        "golden": _golden_pairs(model),
    }
    with sealed_folder(directory) as new:
        weights = save({name: np.ascontiguousarray(value) for name, value in model.weights.items()})
        (new / WEIGHTS).write_bytes(weights)
        (new / TOKENIZER).write_bytes(model.tokenizer.to_bytes())
        write_json(new / DESCRIPTION, description)


def load_model(directory: Path, *, verify: bool = False) -> SavedModel:
    """Read the folder that `save_model` wrote, checking every file.

    Args:
        directory: The folder.
        verify: Also compute the golden pairs again and compare.

    Raises:
        RunError: a file is missing, damaged or does not fit the others; the message names the
            file and, within it, the tensor with what was expected and what was found.
    """
    sealed = Sealed.open(directory, error=RunError, remedy=REMEDY)
    description = sealed.json(DESCRIPTION, FORMAT_VERSION)
    try:
        texts = {name: description[name] for name in ("max_length", "keep")}
        settings = PrepareSettings.from_dict(texts, where="texts")
        model = SavedModel(
            config=ModelShape.from_dict(description["config"], where="config"),
            label_names=tuple(description["label_names"]),
            max_length=settings.max_length,
            keep=settings.keep,
            weights=_parse_weights(sealed.read(WEIGHTS), where=directory / WEIGHTS),
            tokenizer=Tokenizer.load(sealed.checked(TOKENIZER)),
            dataset=dict(description["dataset"]),
        )
        golden = description["golden"]
    except (AttributeError, KeyError, TypeError, ValueError, UsageError) as error:
        raise _damaged(directory / DESCRIPTION, f"{type(error).__name__}: {error}") from error
    except DataError as error:
        raise RunError(f"{error}; {REMEDY}") from error
    _check(model, where=directory)
    if verify:
        _replay(model, golden, where=directory / DESCRIPTION)
    return model


def _damaged(path: Path, what: str) -> RunError:
    return RunError(f"{path} is damaged ({what}): {REMEDY}")


def _parse_weights(content: bytes, *, where: Path) -> Weights:
    """The tensors of a safetensors file, without copying; refuses all types but float32."""
    try:
        tensors = deserialize(content)  # type: ignore[no-untyped-call]  # the library has no types
    except SafetensorError as error:
        raise _damaged(where, str(error)) from error
    for name, tensor in tensors:
        if tensor["dtype"] != "F32":
            raise RunError(f"{where}: tensor '{name}': expected float32, found {tensor['dtype']}; {REMEDY}")
    return {
        name: np.frombuffer(tensor["data"], dtype="<f4").reshape(tensor["shape"]) for name, tensor in tensors
    }


def _check(model: SavedModel, *, where: Path) -> None:
    """Refuse a model whose parts do not fit one another."""
    labels = model.label_names
    if not all(isinstance(name, str) for name in labels) or len(set(labels)) != model.config.num_classes:
        raise _damaged(
            where / DESCRIPTION,
            f"label_names: expected {model.config.num_classes} distinct names, found {len(labels)}",
        )
    if model.tokenizer.vocab_size != model.config.vocab_size:
        raise _damaged(
            where / TOKENIZER,
            f"expected {model.config.vocab_size} entries, found {model.tokenizer.vocab_size}",
        )
    _check_weights(model.config, model.weights, where=where / WEIGHTS)


def _check_weights(config: ModelShape, weights: Weights, *, where: Path) -> None:
    """Refuse weights that are not exactly those of a classifier of this shape, float32 and finite."""
    if config.arch != "bow" and config.num_layers > len(weights):
        raise _damaged(where, f"expected {config.num_layers} layers, found {len(weights)} tensors")
    expected = expected_shapes(config)
    for name in sorted(weights.keys() - expected.keys()):
        raise RunError(f"{where}: unknown tensor '{name}'; {REMEDY}")
    for name, shape in expected.items():
        if name not in weights:
            raise RunError(f"{where}: tensor '{name}' is missing; {REMEDY}")
        found = weights[name]
        if found.dtype != np.float32:
            raise RunError(f"{where}: tensor '{name}': expected float32, found {found.dtype}; {REMEDY}")
        if found.shape != shape:
            raise RunError(f"{where}: tensor '{name}': expected shape {shape}, found {found.shape}; {REMEDY}")
        if not np.isfinite(found).all():
            raise RunError(f"{where}: tensor '{name}' holds values that are not finite; {REMEDY}")


def _golden_pairs(model: SavedModel) -> list[dict[str, Any]]:
    """Token ids of several lengths from all over the vocabulary, and what the model makes of them."""
    random = np.random.default_rng(0)
    texts = [random.integers(0, model.config.vocab_size, size, dtype=np.int32) for size in GOLDEN_LENGTHS]
    probabilities = to_probabilities(forward(model.config, model.weights, texts))
    return [
        {"token_ids": ids.tolist(), "probabilities": row.tolist()}
        for ids, row in zip(texts, probabilities, strict=True)
    ]


def _replay(model: SavedModel, pairs: list[Any], *, where: Path) -> None:
    """Compute the golden pairs again and compare."""
    try:
        texts = [np.array(pair["token_ids"], dtype=np.int32).reshape(-1) for pair in pairs]
        expected = np.array([pair["probabilities"] for pair in pairs], dtype=np.float64)
        if any(((ids < 0) | (ids >= model.config.vocab_size)).any() for ids in texts):
            raise ValueError("a token id outside the vocabulary")
        if expected.shape != (len(texts), model.config.num_classes):
            raise ValueError(f"probabilities of shape {expected.shape}")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _damaged(where, f"golden pairs: {error}") from error
    difference = np.abs(to_probabilities(forward(model.config, model.weights, texts)) - expected).max(
        initial=0
    )
    if not difference <= GOLDEN_TOLERANCE:
        raise RunError(
            f"{where}: the model does not give its own golden probabilities again (they differ by up to "
            f"{difference:.2g}): its weights or this rnncli changed; {REMEDY}"
        )
