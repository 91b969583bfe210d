"""What a model does and why: signs that something went wrong, in words."""
