"""Snowball's core: train a tiny GPT-2, record its embedding matrix, measure it."""

__version__ = "0.1.0"
