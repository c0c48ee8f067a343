"""Outer problems: what to train on, or by which loss, chosen by what training with it yields."""
