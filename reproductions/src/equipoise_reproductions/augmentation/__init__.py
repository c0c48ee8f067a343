"""Augmentation by class: searched by AutoBalance, set by CUDA's rule, drawn at random, and none, in one plain loop."""
