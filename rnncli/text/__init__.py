"""Texts to token ids: the tokenizer and its vocabulary."""
