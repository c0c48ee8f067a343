"""The networks of `AutoClassifier`: their settings, and gradient steps by the number of rows."""

from equipoise.batches import MixUp
from equipoise.classifiers.auto_members import Kind
from equipoise.classifiers.auto_time import FEWEST_STEPS
from equipoise.training import Settings

LEAST_STEPS, MOST_STEPS = 600, 1500
"""Gradient steps of a network on few and on many rows."""

_EPOCHS = 40
_LARGE = 5000  # rows; larger batches from here on
_HIDDEN, _RATE, _MIXING = (128, 64), 5e-3, 0.3


def _batch_size(n_rows: int) -> int:
    return min(n_rows, 64 if n_rows < _LARGE else 128 if n_rows < 2 * _LARGE else 256)


def steps(n_rows: int) -> int:
    """Return the gradient steps of a network."""
    return min(max(LEAST_STEPS, _EPOCHS * -(-n_rows // _batch_size(n_rows))), MOST_STEPS)


def settings(kind: Kind, n_rows: int, n_steps: int, device: str) -> Settings:
    """Return the settings of the networks of a kind."""
    batch_size = _batch_size(n_rows)
    return Settings(
        network=_HIDDEN,
        batch_transform=MixUp(alpha=_MIXING),
        batch_size=batch_size,
        max_steps=n_steps,
        min_steps=min(FEWEST_STEPS, n_steps),
        epoch_steps=-(-n_rows // batch_size),
        learning_rate=_RATE,
        dropout=kind.dropout,
        device=device,
    )
