"""Values that options may have, where they are no settings of a run."""

from typing import Literal

TableFormat = Literal["csv", "tsv", "jsonl", "parquet", "text"]
OutputFormat = Literal["text", "jsonl", "csv"]
SplitName = Literal["train", "validation", "test"]
SuiteName = Literal["order"]
SortKey = Literal["accuracy", "loss", "parameters", "time", "size", "name"]
