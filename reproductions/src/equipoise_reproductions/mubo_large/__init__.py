"""Rows worth training on: ways to choose a few majority rows of a large table, over three kinds of models."""
