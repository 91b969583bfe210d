"""A saved model answering: its folder, its scores, by NumPy while texts are few and by JAX once that pays."""
