"""What probabilities mean, and where the line is drawn: prior correction and thresholds."""

from equipoise.decisions.prior import correct_prior, estimate_priors
from equipoise.decisions.prior_corrected import PriorCorrectedClassifier
from equipoise.decisions.thresholds import decide, tune_offsets
from equipoise.decisions.tuned_thresholds import TunedThresholdsClassifier

__all__ = [
    "PriorCorrectedClassifier",
    "TunedThresholdsClassifier",
    "correct_prior",
    "decide",
    "estimate_priors",
    "tune_offsets",
]
