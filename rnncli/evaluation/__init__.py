"""Metrics and statistics: pure functions on arrays."""
