"""How a batch is formed: transforms ``(x, y) -> (x, soft y)`` for any training loop."""

from equipoise.batches.balanced import BalancedBatchSampler
from equipoise.batches.batch_smote import BatchSMOTE
from equipoise.batches.mixture import Mixture
from equipoise.batches.mixup import MixUp
from equipoise.batches.rebalanced import RebalancedMixup
from equipoise.batches.remix import ReMix
from equipoise.batches.transform import MixingTransform

__all__ = ["BalancedBatchSampler", "BatchSMOTE", "MixUp", "MixingTransform", "Mixture", "ReMix", "RebalancedMixup"]
