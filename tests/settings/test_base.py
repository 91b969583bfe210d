"""Settings are declared once and checked wherever they come from."""

from pathlib import Path
from typing import Any

import pytest

from rnncli.errors import UsageError
from rnncli.settings.base import declared, merged
from rnncli.settings.model import ModelShape
from rnncli.settings.prepare import PrepareSettings
from rnncli.settings.train import PRESETS, TrainSettings, resolve_settings

GIVEN: dict[str, Any] = {"arch": "bigru", "hidden_size": 7, "optimizer": "sgd", "batch_size": 3, "seed": 11}


def test_options_are_nested_and_come_back() -> None:
    settings = TrainSettings.from_options(**GIVEN)
    assert (settings.model.arch, settings.model.hidden_size) == ("bigru", 7)
    assert (settings.optimizer.name, settings.data.batch_size, settings.seed) == ("sgd", 3, 11)
    assert {name: settings.options()[name] for name in GIVEN} == GIVEN
    assert TrainSettings.from_dict(settings.to_dict(), where="here") == settings
    assert TrainSettings.from_options(**settings.options()) == settings


def test_every_setting_has_a_name_of_its_own_and_help_that_is_a_sentence() -> None:
    for cls in (TrainSettings, PrepareSettings):
        found = list(declared(cls))
        assert len({one.name for one in found}) == len(found)
        assert all(one.meta["help"].endswith(".") for one in found)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hiden_size": 7}, "here: unknown setting 'hiden_size'; known: model, data, optimizer, objective"),
        ({"hidden_size": 7}, r"here: 'hidden_size' belongs into the table \[model\]"),
        ({"model": 7}, r"here: \[model\] must be a table of settings"),
        ({"model": {"hidden_size": "7"}}, r"here: \[model\]: hidden_size: '7' is not of type int"),
        ({"model": {"hidden_size": True}}, "hidden_size: True is not of type int"),
        ({"model": {"hidden_size": 0}}, "hidden_size must be at least 1"),
        ({"model": {"dropout": 1.0}}, "dropout must be below 1"),
        ({"model": {"arch": "transformer"}}, "arch: 'transformer' is not one of ngram, bow, rnn"),
        ({"optimizer": {"learning_rate": 0}}, "learning_rate must be above 0"),
        ({"optimizer": {"schedule": "magic"}}, "schedule: 'magic' is not one of constant, cosine, linear"),
        ({"optimizer": {"weight_decay": 0.1}}, "weight_decay needs --optimizer adamw, not adam"),
        ({"model": {"arch": "bow", "evidence": True}}, "evidence needs a recurrent --arch, not bow"),
        (
            {"early_stopping": 2, "optimizer": {"average_epochs": 3}},
            "average_epochs needs the last epoch, which early_stopping may never reach",
        ),
        ({"epochs": 1.5}, "epochs: 1.5 is not of type int"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainSettings.from_dict(values, where="here")


def test_the_nearest_place_decides(tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_text('epochs = 7\n[model]\nhidden_size = 11\n[optimizer]\nname = "sgd"\n')
    settings = resolve_settings({"epochs": 3}, path, "tutorial")
    assert settings.epochs == 3  # given
    assert (settings.model.hidden_size, settings.optimizer.name) == (11, "sgd")  # the file
    assert settings.data.batch_size == PRESETS["tutorial"]["data"]["batch_size"]  # the preset
    assert settings.optimizer.warmup_steps == 0  # the default


def test_laying_over_leaves_both_as_they_were() -> None:
    under: dict[str, Any] = {"a": 1, "b": {"c": 2, "d": 3}}
    over = {"b": {"c": 5}, "e": 7}
    assert merged(under, over) == {"a": 1, "b": {"c": 5, "d": 3}, "e": 7}
    assert (under["b"], over["b"]) == ({"c": 2, "d": 3}, {"c": 5})


def test_two_classes_share_one_logit() -> None:
    shapes = [ModelShape(arch="gru", vocab_size=13, num_classes=classes) for classes in (2, 3, 5)]
    assert [shape.num_outputs for shape in shapes] == [1, 3, 5]


def test_few_texts_are_passed_over_more_often() -> None:
    settings = TrainSettings.from_options(epochs=2, least_steps=101, batch_size=7)
    assert settings.for_texts(7 * 60).epochs == 2
    assert settings.for_texts(7 * 13 - 6).epochs == 8  # of 13 batches each
    assert settings.for_texts(1).epochs == 101
    assert TrainSettings.from_options(epochs=3).for_texts(1).epochs == 3


def test_epochs_that_are_given_are_not_made_more_by_a_preset() -> None:
    preset = resolve_settings({}, None, "fast")
    assert preset.for_texts(1).epochs == preset.least_steps > 0
    assert resolve_settings({"epochs": 3}, None, "fast").for_texts(1).epochs == 3
    both = resolve_settings({"epochs": 3, "least_steps": 5}, None, "fast")
    assert both.for_texts(1).epochs == 5
