from .calibrated import CalibratedClassifier as CalibratedClassifier
from .prior import correct_prior as correct_prior
from .prior import estimate_priors as estimate_priors
from .prior_corrected import PriorCorrectedClassifier as PriorCorrectedClassifier
from .thresholds import decide as decide
from .thresholds import tune_offsets as tune_offsets
from .tuned_thresholds import TunedThresholdsClassifier as TunedThresholdsClassifier
