"""Outer problems: searches for training rows, or for a loss, by the result of training."""
