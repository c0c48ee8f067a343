from .auto import AutoClassifier as AutoClassifier
from .mubo import MUBOClassifier as MUBOClassifier
from .neural import NeuralClassifier as NeuralClassifier
from .resampled import ResampledClassifier as ResampledClassifier
