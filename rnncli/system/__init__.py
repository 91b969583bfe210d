"""What the machine does for the rest: files written whole, folders sealed, JAX set up, a cluster joined."""
