"""The run directory: its files, its lock, how a run is found, and the evaluations kept in it."""
