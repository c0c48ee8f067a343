from .balanced import BalancedBatchSampler as BalancedBatchSampler
from .balanced import RootBatchSampler as RootBatchSampler
from .batch_smote import BatchSMOTE as BatchSMOTE
from .mixture import Mixture as Mixture
from .mixup import MixUp as MixUp
from .rebalanced import RebalancedMixup as RebalancedMixup
from .remix import ReMix as ReMix
from .transform import MixingTransform as MixingTransform
