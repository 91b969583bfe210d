"""Recurrent classifiers as Flax modules, and the same forward pass in NumPy."""
