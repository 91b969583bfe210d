"""Optimizer, training step, training loop and checkpoints."""
