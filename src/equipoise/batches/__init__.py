"""How a batch is formed: transforms ``(x, y) -> (x, soft y)`` for any training loop."""

from equipoise.batches.balanced import BalancedBatchSampler
from equipoise.batches.batch_smote import BatchSMOTE
from equipoise.batches.mixup import MixUp
from equipoise.batches.rebalanced import RebalancedMixup
from equipoise.batches.remix import ReMix

__all__ = ["BalancedBatchSampler", "BatchSMOTE", "MixUp", "ReMix", "RebalancedMixup"]
