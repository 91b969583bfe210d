"""The folder with all that prediction needs, written once and checked at every load.

model/model.safetensors   the parameters, float32, by name; of a compact model the word vectors in 8 bits
      ngrams.safetensors  of a model that reads n-grams, their codes and values, in 8 bits alike
      tokenizer.json      the vocabulary and the rules that find words
      model.json          shape, label names, limits, temperature, and golden pairs: token ids
                          with the probabilities they gave
      SHA256SUMS          the checksums of the others
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from rnncli.errors import DataError, RunError, UsageError
from rnncli.inference import compact
from rnncli.models.numpy_forward import forward, to_probabilities
from rnncli.models.parameters import parameters
from rnncli.runs.run import no_classifier
from rnncli.settings.model import ModelShape
from rnncli.settings.prepare import Keep, PrepareSettings
from rnncli.system.files import write_json
from rnncli.system.sealed import Sealed, sealed_folder
from rnncli.text.ngrams import NgramTable
from rnncli.text.tokenizer import Tokenizer

FORMAT_VERSION = 3
PARAMETERS, NGRAMS = "model.safetensors", "ngrams.safetensors"
TOKENIZER, DESCRIPTION = "tokenizer.json", "model.json"
GOLDEN_LENGTHS = (0, 1, 2, 7, 31)
GOLDEN_NGRAMS = 31
GOLDEN_TOLERANCE = 1e-6  # the replay is the same double precision arithmetic, on any machine
REMEDY = "copy the run again from where it is whole, or train it again"

TYPES = {"F32": "<f4", "I64": "<i8", "I8": "<i1", "U8": "<u1"}
TABLE = "embedding.table"

Parameters = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class SavedModel:
    """A trained classifier with everything that turns a text into probabilities.

    Or a language model, from which a classifier can start, and which itself turns no text into any.
    """

    config: ModelShape
    label_names: tuple[str, ...]
    max_length: int
    keep: Keep
    parameters: Parameters
    tokenizer: Tokenizer
    dataset: Mapping[str, str]  # name and fingerprint of what it was trained on
    ngrams: NgramTable | None = None  # of a model that reads n-grams
    temperature: float = 1.0  # its probabilities are those of logits / temperature

    @property
    def classifiers(self) -> "tuple[tuple[float, SavedModel], ...]":
        """What its logits are the weighted sum of: itself alone."""
        return ((1.0, self),)


def save_model(directory: Path, model: SavedModel) -> None:
    """Write `model` as the folder `directory`, replacing it whole.

    Raises:
        RunError: a parameter has the wrong name, shape or type, or is not finite; or the label
            names or the vocabulary do not fit the classifier's shape.
    """
    from safetensors.numpy import save

    _check(model, where=directory)
    if model.config.compact:
        model = _rounded(model)
    description = {
        "format_version": FORMAT_VERSION,
        "config": model.config.to_dict(),
        "label_names": model.label_names,
        "max_length": model.max_length,
        "keep": model.keep,
        "dataset": dict(model.dataset),
        "temperature": model.temperature,
        "golden": _golden_pairs(model),
    }
    with sealed_folder(directory) as new:
        learned = {name: np.ascontiguousarray(value) for name, value in model.parameters.items()}
        if model.config.compact and TABLE in learned:
            learned |= compact.pack(TABLE, learned.pop(TABLE))
        (new / PARAMETERS).write_bytes(save(learned))
        if model.ngrams is not None:
            (new / NGRAMS).write_bytes(save(_ngram_tensors(model.ngrams, compactly=model.config.compact)))
        (new / TOKENIZER).write_bytes(model.tokenizer.to_bytes())
        write_json(new / DESCRIPTION, description)


def load_classifier(directory: Path, *, verify: bool = False) -> SavedModel:
    """Read the folder of a model that tells classes apart, as `load_saved` does.

    Raises:
        RunError: a file is missing or damaged, or it is a language model.
    """
    model = load_saved(directory, verify=verify)
    if model.config.objective == "language-model":
        raise no_classifier(str(directory))
    return model


def load_saved(directory: Path, *, verify: bool = False) -> SavedModel:
    """Read the folder that `save_model` wrote, checking every file; `verify` replays the golden pairs too.

    A language model, which has none, is read as well.

    Raises:
        RunError: a file is missing, damaged or does not fit the others; the message names the
            file and, within it, the tensor with what was expected and what was found.
    """
    sealed = Sealed.open(directory, error=RunError, remedy=REMEDY)
    description = sealed.json(DESCRIPTION, FORMAT_VERSION)
    try:
        limits = {name: description[name] for name in ("max_length", "keep")}
        settings = PrepareSettings.from_dict(limits, where="texts")
        config = ModelShape.from_dict(description["config"], where="config")
        ngrams = _read_ngrams(sealed, config) if config.reads_ngrams else None
        model = SavedModel(
            config=config,
            label_names=tuple(description["label_names"]),
            max_length=settings.max_length,
            keep=settings.keep,
            parameters=_read_parameters(sealed, config),
            tokenizer=Tokenizer.load(sealed.checked(TOKENIZER)),
            dataset=dict(description["dataset"]),
            ngrams=ngrams,
            temperature=float(description["temperature"]),
        )
        golden = description["golden"]
    except (AttributeError, KeyError, TypeError, ValueError, UsageError) as error:
        what = f"it describes no model ({type(error).__name__}: {error})"
        raise _refused(directory / DESCRIPTION, what) from error
    except DataError as error:
        raise RunError(f"{error}; {REMEDY}") from error
    _check(model, where=directory)
    if verify and config.objective == "classification":
        _replay(model, golden, where=directory / DESCRIPTION)
    return model


def _rounded(model: SavedModel) -> SavedModel:
    """The model with the values that its compact form holds."""
    learned, ngrams = dict(model.parameters), model.ngrams
    if TABLE in learned:
        learned[TABLE] = compact.rounded(learned[TABLE])
    if ngrams is not None:
        ngrams = replace(ngrams, values=compact.rounded(ngrams.values))
    return replace(model, parameters=learned, ngrams=ngrams)


def _ngram_tensors(table: NgramTable, *, compactly: bool) -> dict[str, NDArray[Any]]:
    """What the file of n-grams holds."""
    if not compactly:
        return {"codes": table.codes, "values": table.values}
    return {"codes": compact.pack_codes(table.codes)} | compact.pack("values", table.values)


def _read_parameters(sealed: Sealed, config: ModelShape) -> Parameters:
    """The parameters by name."""
    found = _parse(sealed.read(PARAMETERS), where=sealed.path / PARAMETERS)
    return compact.unpack(TABLE, found) if config.compact and config.arch != "ngram" else found


def _read_ngrams(sealed: Sealed, config: ModelShape) -> NgramTable:
    """The table of a model that reads n-grams."""
    where = sealed.path / NGRAMS
    found = _parse(sealed.read(NGRAMS), where=where)
    if config.compact:
        found = compact.unpack("values", found)
        found["codes"] = compact.unpack_codes(found["codes"])
    if found.keys() != {"codes", "values"}:
        raise _refused(where, f"expected the tensors codes and values, found {sorted(found)}")
    return NgramTable(found["codes"], found["values"], config.vocab_size)


def _parse(content: bytes, *, where: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file, without copying; refuses all types but those of `TYPES`."""
    try:
        tensors = deserialize(content)  # type: ignore[no-untyped-call]  # the library has no types
    except SafetensorError as error:
        raise _refused(where, str(error)) from error
    for name, tensor in tensors:
        if tensor["dtype"] not in TYPES:
            raise _refused(where, f"tensor '{name}': expected float32, found {tensor['dtype']}")
    return {
        name: np.frombuffer(found["data"], TYPES[found["dtype"]]).reshape(found["shape"])
        for name, found in tensors
    }


def _check(model: SavedModel, *, where: Path) -> None:
    """Refuse a model whose labels, words or parameters are not those of its shape, or not finite."""
    config, labels, learned = model.config, model.label_names, model.parameters
    if not all(isinstance(name, str) for name in labels) or len(set(labels)) != config.num_classes:
        what = f"label_names: expected {config.num_classes} distinct names, found {len(labels)}"
        raise _refused(where / DESCRIPTION, what)
    if not 0 < model.temperature < math.inf:
        raise _refused(where / DESCRIPTION, f"temperature: {model.temperature} is no positive number")
    if model.tokenizer.vocab_size != config.vocab_size:
        what = f"expected {config.vocab_size} entries, found {model.tokenizer.vocab_size}"
        raise _refused(where / TOKENIZER, what)
    where /= PARAMETERS
    if config.cell and config.num_layers > len(learned):
        raise _refused(where, f"expected {config.num_layers} layers, found {len(learned)} tensors")
    expected = {entry.name: entry.shape for entry in parameters(config)}
    for name in sorted(learned.keys() - expected.keys()):
        raise _refused(where, f"unknown tensor '{name}'")
    for name, shape in expected.items():
        if name not in learned:
            raise _refused(where, f"tensor '{name}' is missing")
        _check_tensor(name, learned[name], "float32", shape, where=where)
    if config.reads_ngrams:
        _check_ngrams(model, where=where.with_name(NGRAMS))


def _check_ngrams(model: SavedModel, *, where: Path) -> None:
    """Refuse a table of n-grams that does not fit the model, or in which none could be found."""
    if model.ngrams is None:
        raise _refused(where, "the model reads n-grams and has none")
    codes, values = model.ngrams.codes, model.ngrams.values
    _check_tensor("codes", codes, "int64", (codes.size,), where=where)
    _check_tensor("values", values, "float32", (codes.size, model.config.num_outputs), where=where)
    if codes.size and (codes[0] < 0 or not (np.diff(codes) > 0).all()):
        raise _refused(where, "tensor 'codes' does not ascend from 0")


def _check_tensor(name: str, found: NDArray[Any], dtype: str, shape: tuple[int, ...], *, where: Path) -> None:
    """Refuse a tensor of another type or shape, or with values that are not finite."""
    if found.dtype != dtype:
        raise _refused(where, f"tensor '{name}': expected {dtype}, found {found.dtype}")
    if found.shape != shape:
        raise _refused(where, f"tensor '{name}': expected shape {shape}, found {found.shape}")
    if not np.isfinite(found).all():
        raise _refused(where, f"tensor '{name}' holds values that are not finite")


def _golden_pairs(model: SavedModel) -> list[dict[str, Any]]:
    """Token ids of several lengths from all over the vocabulary, and what the model makes of them.

    One text more, of a model that reads n-grams, holds n-grams from all over its table. A language model
    has none.
    """
    if model.config.objective == "language-model":
        return []
    random = np.random.default_rng(0)
    texts = [random.integers(0, model.config.vocab_size, size, dtype=np.int32) for size in GOLDEN_LENGTHS]
    if (table := model.ngrams) is not None and len(table.codes):
        rows = np.linspace(0, len(table.codes) - 1, GOLDEN_NGRAMS).astype(int)
        texts.append(np.array([word for row in rows for word in table.words(row)], np.int32))
    probabilities = _answers(model, texts)
    return [
        {"token_ids": ids.tolist(), "probabilities": row.tolist()}
        for ids, row in zip(texts, probabilities, strict=True)
    ]


def _replay(model: SavedModel, pairs: list[Any], *, where: Path) -> None:
    """Compute the golden pairs again and compare."""
    try:
        texts = [np.array(pair["token_ids"], dtype=np.int32) for pair in pairs]
        expected = np.array([pair["probabilities"] for pair in pairs], dtype=np.float64)
        found = _answers(model, texts)
        difference = np.abs(found - expected).max(initial=0)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise _refused(where, f"golden pairs: {error}") from error
    if not difference <= GOLDEN_TOLERANCE:
        what = "the model does not give its own golden probabilities again (they differ by up to"
        raise _refused(where, f"{what} {difference:.2g}): its parameters or this rnncli changed")


def _answers(model: SavedModel, texts: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
    """Probabilities [n, num_classes] of texts, by NumPy."""
    return to_probabilities(forward(model.config, model.parameters, texts, model.ngrams) / model.temperature)


def _refused(path: Path, what: str) -> RunError:
    return RunError(f"{path}: {what}; {REMEDY}")
