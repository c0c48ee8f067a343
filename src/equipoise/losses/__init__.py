"""How an error is weighed: losses of logits ``(..., B, K)``, and how the trainer reads any loss by row."""

from equipoise.losses.rows import Loss, row_losses

__all__ = ["Loss", "row_losses"]
