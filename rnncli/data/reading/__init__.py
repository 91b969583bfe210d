"""Rows out of files, pipes and standard input: CSV, TSV, JSON Lines, Parquet and plain text."""
