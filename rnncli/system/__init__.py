"""What the machine does for the rest: files written whole, JAX set up, processes that work together."""
