"""Saving and loading models, and every way in which a model folder can be wrong."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from rnncli.errors import RunError
from rnncli.inference.compact import pack_codes, unpack_codes
from rnncli.inference.model_folder import NGRAMS, PARAMETERS, REMEDY, load_classifier, save_model
from rnncli.models.numpy_forward import forward
from rnncli.models.parameters import parameters
from rnncli.settings.model import ARCHES, ModelSettings, ModelShape
from rnncli.system.files import write_json
from rnncli.system.sealed import SUMS
from rnncli.text.tokenizer import Tokenizer
from tests.factories import random_model, random_parameters, reseal, vocabulary

CONFIG = ModelShape(
    "bigru", vocab_size=29, num_classes=3, embedding_size=5, hidden_size=3, num_layers=2, pooling="max"
)
LABELS = ("très bien, non ?", " two  spaces ", "否定\t🙂")
FILES = ("model.safetensors", "tokenizer.json", "model.json")
KERNEL = "encoder.layer_1.backward.recurrent_kernel"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", random_model(CONFIG, label_names=LABELS))
    return tmp_path / "model"


def rewrite(folder: Path, *, without: str = "", **entries: Any) -> None:
    """Change model.json and make the checksums fit again, as someone who means it would."""
    path = folder / "model.json"
    changed = json.loads(path.read_text(encoding="utf-8")) | entries
    write_json(path, {name: value for name, value in changed.items() if name != without})
    reseal(folder)


def change_parameters(folder: Path, **changes: np.ndarray | None) -> None:
    """Replace tensors, or drop those given as None, with all checksums right again."""
    learned = load((folder / "model.safetensors").read_bytes()) | {KERNEL: changes.get("kernel", np.ones(1))}
    learned |= {name: value for name, value in changes.items() if name != "kernel"}
    kept = {name: value for name, value in learned.items() if value is not None}
    (folder / "model.safetensors").write_bytes(save(kept))
    rewrite(folder)


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("arch", [*ARCHES, "bigru with evidence"])
def test_comes_back_as_it_went_in(arch: str, num_classes: int, tmp_path: Path) -> None:
    arch, _, evidence = arch.partition(" ")
    config = replace(CONFIG, arch=arch, num_classes=num_classes, evidence=bool(evidence))
    model = random_model(config, label_names=LABELS, max_length=17, keep="both", temperature=1.75)
    save_model(tmp_path / "model", model)
    (tmp_path / "model").rename(tmp_path / "elsewhere")
    found = load_classifier(tmp_path / "elsewhere", verify=True)
    assert (found.config, found.label_names) == (config, LABELS[:num_classes])
    assert (found.max_length, found.keep) == (17, "both")
    assert found.dataset == model.dataset
    assert found.tokenizer.to_bytes() == model.tokenizer.to_bytes()
    assert found.parameters.keys() == {entry.name for entry in parameters(config)}
    assert found.temperature == 1.75
    texts = model.tokenizer.encode([" ".join(vocabulary(13)), "", "great aab"])
    np.testing.assert_array_equal(
        forward(config, found.parameters, texts, found.ngrams),
        forward(config, model.parameters, texts, model.ngrams),
    )


def test_equal_models_give_equal_bytes(folder: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "again", random_model(CONFIG, label_names=LABELS))
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", *sorted(FILES)]


def test_saving_replaces_the_folder_whole(folder: Path) -> None:
    (folder / "left over").touch()
    save_model(folder, random_model(CONFIG, seed=1, label_names=LABELS))
    assert not (folder / "left over").exists()
    expected = random_parameters(CONFIG, seed=1)
    np.testing.assert_array_equal(load_classifier(folder).parameters[KERNEL], expected[KERNEL])


def test_a_model_that_is_wrong_is_not_saved(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    model = random_model(CONFIG, label_names=LABELS)
    broken = model.parameters | {KERNEL: np.full_like(model.parameters[KERNEL], np.nan)}
    with pytest.raises(RunError, match=rf"tensor '{KERNEL}' holds values that are not finite"):
        save_model(folder, replace(model, parameters=broken))
    doubled = model.parameters | {KERNEL: model.parameters[KERNEL].astype(np.float64)}
    with pytest.raises(RunError, match=rf"tensor '{KERNEL}': expected float32, found float64"):
        save_model(folder, replace(model, parameters=doubled))
    with pytest.raises(RunError, match="expected 3 distinct names, found 2"):
        save_model(folder, replace(model, label_names=("a", "b")))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", [*FILES, "SHA256SUMS"])
def test_each_file_is_checked_and_named(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(RunError, match=rf"model/\S+: .*; {REMEDY}$"):
        load_classifier(folder)
    (folder / name).unlink()
    with pytest.raises(RunError, match=rf"model/{name}: it is missing.*; {REMEDY}$"):
        load_classifier(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel": np.ones((2, 9), np.float32)}, rf"'{KERNEL}': expected shape \(3, 9\), found \(2, 9\)"),
        ({"kernel": np.ones((3, 9), np.float64)}, rf"tensor '{KERNEL}': expected float32, found F64"),
        ({"kernel": np.full((3, 9), np.nan, np.float32)}, rf"tensor '{KERNEL}' holds values that are not"),
        ({"kernel": None}, rf"tensor '{KERNEL}' is missing"),
        ({"kernel": np.ones((3, 9), np.float32), "more": np.ones(1, np.float32)}, r"unknown tensor 'more'"),
    ],
)
def test_wrong_tensors_are_named(folder: Path, changes: dict[str, Any], message: str) -> None:
    change_parameters(folder, **changes)
    with pytest.raises(RunError, match=message) as failure:
        load_classifier(folder)
    assert "model.safetensors" in str(failure.value)


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("format_version", 4, "it has format version 4; this rnncli reads 3"),
        ("format_version", 2, "it has format version 2; this rnncli reads 3"),
        ("format_version", "3", "this rnncli reads 3"),
        ("config", {"arch": "bilstm"}, "config"),
        ("config", CONFIG.to_dict() | {"arch": "transformer"}, "transformer"),
        ("config", CONFIG.to_dict() | {"surprise": 1}, "unknown setting 'surprise'"),
        ("config", CONFIG.to_dict() | {"num_layers": 10**15}, "expected 1000000000000000 layers"),
        ("config", CONFIG.to_dict() | {"hidden_size": 10**15}, "expected shape"),
        ("config", CONFIG.to_dict() | {"vocab_size": 30}, "expected 30 entries, found 29"),
        ("config", CONFIG.to_dict() | {"num_classes": 4}, "expected 4 distinct names, found 3"),
        ("label_names", ["a", "b", "a"], "expected 3 distinct names"),
        ("max_length", 0, "max_length"),
        ("keep", "middle", "middle"),
        ("dataset", 3, "TypeError"),
        ("temperature", 0, "temperature: 0.0 is no positive number"),
        ("temperature", -1.5, "temperature: -1.5 is no positive number"),
        ("temperature", "warm", "it describes no model"),
    ],
)
def test_wrong_descriptions_are_refused(folder: Path, entry: str, value: Any, message: str) -> None:
    rewrite(folder, **{entry: value})
    with pytest.raises(RunError, match=message):
        load_classifier(folder)


@pytest.mark.parametrize(
    "name", ["config", "label_names", "max_length", "keep", "dataset", "temperature", "golden"]
)
def test_an_entry_that_a_foreign_description_lacks_is_named(folder: Path, name: str) -> None:
    rewrite(folder, without=name)
    with pytest.raises(RunError, match=rf"model\.json: it describes no model \(KeyError: '{name}'\)"):
        load_classifier(folder)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ({"token_ids": [2, 3], "probabilities": [0.2, 0.3, 0.5]}, "golden probabilities"),
        ({"token_ids": [2, 3], "probabilities": [0.2, 0.8]}, "golden pairs"),
        ({"token_ids": [29], "probabilities": [0.2, 0.3, 0.5]}, "golden pairs"),
        ({"token_ids": [2]}, "golden pairs"),
        ("no pair", "golden pairs"),
    ],
)
def test_golden_pairs_are_replayed_when_asked(folder: Path, pair: Any, message: str) -> None:
    load_classifier(folder, verify=True)
    rewrite(folder, golden=[pair])
    load_classifier(folder)
    with pytest.raises(RunError, match=message):
        load_classifier(folder, verify=True)


def test_golden_pairs_find_swapped_parameters(folder: Path) -> None:
    """Whole, well-shaped parameters of another run under this run's description."""
    (folder / "model.safetensors").write_bytes(save(random_parameters(CONFIG, seed=1)))
    rewrite(folder)
    load_classifier(folder)
    with pytest.raises(RunError, match="does not give its own golden probabilities"):
        load_classifier(folder, verify=True)


def test_golden_pairs_find_another_temperature(folder: Path) -> None:
    rewrite(folder, temperature=1.1)
    with pytest.raises(RunError, match="does not give its own golden probabilities"):
        load_classifier(folder, verify=True)


def test_a_tokenizer_with_other_words_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").write_bytes(Tokenizer.train(["some other words"], 29).to_bytes())
    rewrite(folder)
    with pytest.raises(RunError, match=r"tokenizer\.json: expected 29 entries, found 5"):
        load_classifier(folder)


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    """The folder of a linear model of n-grams."""
    save_model(tmp_path / "linear", random_model(replace(CONFIG, arch="ngram"), label_names=LABELS))
    return tmp_path / "linear"


def change_ngrams(folder: Path, **changes: np.ndarray) -> None:
    """Replace tensors of the table, with all checksums right again."""
    path = folder / "ngrams.safetensors"
    path.write_bytes(save(load(path.read_bytes()) | changes))
    reseal(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codes": np.arange(13)[::-1], "values": np.ones((13, 3), np.float32)}, "'codes' does not ascend"),
        ({"codes": np.arange(-1, 12), "values": np.ones((13, 3), np.float32)}, "'codes' does not ascend"),
        ({"codes": np.ones(13, np.float32)}, "'codes': expected int64, found float32"),
        ({"values": np.ones((13, 2), np.float32)}, r"'values': expected shape \(\d+, 3\), found \(13, 2\)"),
        ({"codes": np.array([7]), "values": np.full((1, 3), np.nan, np.float32)}, "not finite"),
        ({"more": np.ones(1, np.float32)}, r"expected the tensors codes and values, found \['codes', 'more'"),
    ],
)
def test_wrong_ngrams_are_named(linear: Path, changes: dict[str, np.ndarray], message: str) -> None:
    change_ngrams(linear, **changes)
    with pytest.raises(RunError, match=rf"ngrams\.safetensors: .*{message}"):
        load_classifier(linear)


def test_missing_ngrams_are_named(linear: Path) -> None:
    (linear / "ngrams.safetensors").unlink()
    with pytest.raises(RunError, match=r"ngrams\.safetensors: it is missing"):
        load_classifier(linear)


def test_golden_pairs_find_other_ngrams_even_of_three_words(linear: Path) -> None:
    table = load((linear / "ngrams.safetensors").read_bytes())
    values = table["values"].copy()
    values[table["codes"] >= CONFIG.vocab_size**2 + CONFIG.vocab_size] = 0
    change_ngrams(linear, values=values)
    load_classifier(linear)
    with pytest.raises(RunError, match="does not give its own golden probabilities"):
        load_classifier(linear, verify=True)


@pytest.mark.parametrize("arch", ["ngram", "bigru"])
def test_a_compact_model_is_small_and_answers_nearly_alike(arch: str, tmp_path: Path) -> None:
    config = ModelSettings(arch, 61, 7, evidence=arch != "ngram").shape(vocab_size=1009, num_classes=3)
    whole = random_model(config)
    small = replace(whole, config=replace(config, compact=True))
    for name, model in {"whole": whole, "small": small}.items():
        save_model(tmp_path / name, model)
    loaded = load_classifier(tmp_path / "small", verify=True)
    texts = [np.random.default_rng(0).integers(1, 1009, size) for size in (0, 1, 13, 31)]
    expected, found = (forward(config, each.parameters, texts, each.ngrams) for each in (whole, loaded))
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())
    assert (found != expected).any()

    def size(name: str) -> int:
        return sum((tmp_path / name / file).stat().st_size for file in (PARAMETERS, NGRAMS))

    assert size("small") < 0.6 * size("whole")
    save_model(tmp_path / "again", loaded)
    assert (tmp_path / "again" / SUMS).read_bytes() == (tmp_path / "small" / SUMS).read_bytes()


def test_codes_take_as_few_bytes_as_the_largest_needs() -> None:
    for largest in (0, 255, 256, 2**40 + 3, 2**60):
        codes = np.unique(np.random.default_rng(0).integers(0, largest + 1, 17))
        codes[-1] = largest
        packed = pack_codes(codes)
        assert packed.shape[1] == max(1, -(-largest.bit_length() // 8))
        np.testing.assert_array_equal(unpack_codes(packed), codes)
