"""What probabilities mean, and where the line is drawn: prior correction and thresholds."""

from equipoise.decisions.prior import correct_prior
from equipoise.decisions.thresholds import decide, tune_offsets

__all__ = ["correct_prior", "decide", "tune_offsets"]
