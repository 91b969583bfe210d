"""Sources of texts, the prepared dataset on disk, and its batches."""
