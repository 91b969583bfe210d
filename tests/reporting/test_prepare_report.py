from rnncli.data.dataset import Manifest, SplitStatistics
from rnncli.reporting.prepare_report import prepare_report
from rnncli.settings.prepare import PrepareSettings
from tests.reporting.rendering import render

LENGTHS = {"mean": 9.0, "p50": 203, "p90": 536, "p99": 1064, "max": 2770}


def rendered(label_counts: dict[str, int], *, width: int, **manifest: object) -> str:
    rows = sum(label_counts.values())
    labelled = SplitStatistics(rows, 3, label_counts, {}, LENGTHS, 0.5, 0.041, 2, 112, "")
    unlabelled = SplitStatistics(50_000, 0, {}, {}, LENGTHS, 0.5, 0.041, 2, 112, "")
    values: dict[str, object] = {
        "name": "imdb",
        "source": "imdb",
        "label_names": tuple(label_counts),
        "tag_names": (),
        "vocab_size": 10_000,
        "config": PrepareSettings(),
        "splits": {"train": labelled, "validation": labelled, "test": labelled, "unlabelled": unlabelled},
        "shared": {"train/test": 1123},
    }
    report = prepare_report(Manifest(**values | manifest))  # type: ignore[arg-type]
    return "\n".join(render(lambda _: report, width))


def test_everything_fits_sixty_columns() -> None:
    text = rendered({"neg": 11_250, "pos": 11_250}, width=60)
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines[0] == "Dataset imdb: 2 classes, 10,000 words"
    assert lines[1].split() == ["train", "validation", "test", "unlabelled"]
    assert lines[2].split() == ["texts", "22,500", "22,500", "22,500", "50,000"]
    assert lines[3].split() == ["neg", "50.0%", "50.0%", "50.0%", "–"]
    assert lines[9].split() == ["longest", "2,770", "2,770", "2,770", "2,770"]
    assert lines[-1] == "1,123 of the test texts also occur in train"
    assert len(lines) == 16


def test_of_many_classes_the_frequent_ones_are_shown() -> None:
    text = rendered({f"c{i:02}": 10 + i for i in range(53)}, width=60)
    assert [f"c{i}" in text for i in (43, 44, 52)] == [False, True, True]
    assert "44 other classes" in text


def test_tags_are_listed() -> None:
    assert "tagged: order, plain" in rendered({"a": 1}, width=60, tag_names=("order", "plain"))
