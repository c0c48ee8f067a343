"""The records of equipoise: the default, the untreated network and its treatments."""

from functools import partial

from imblearn.over_sampling import SMOTE, SVMSMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler

from equipoise.batches import BalancedBatchSampler, BatchSMOTE, MixUp, RebalancedMixup, ReMix, RootBatchSampler
from equipoise.bilevel.autobalance import AutoBalance
from equipoise.classifiers import AutoClassifier, MUBOClassifier
from equipoise.classifiers.mubo import OUTER_STEPS
from equipoise.losses import (
    CDTLoss,
    ClassBalancedLoss,
    DeferredReweighting,
    FocalLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    VSLoss,
)
from equipoise.networks.cosine import SCALE
from equipoise.recipes.record import NETWORK, Recipe, equal_priors, observed_priors
from equipoise.samplers import GBO, MUBO, SSG, SMOTifiedGAN

AUTO_IMAGES = "auto-images"
"""The recipe that needs no choice, for images."""

AUTO = "auto"
"""The recipe of `AutoClassifier`, the default where none is named."""

_mubo = {"sampler": MUBO(max_iter=OUTER_STEPS, standardize=False, **NETWORK)}
_ldam = partial(LDAMLoss, max_m=0.5 * SCALE, s=1.0)  # scaled in the network
TREATMENTS = [
    Recipe(
        AUTO,
        "trees, boosting, a line and networks, pooled and calibrated on held-out rows",
        make=partial(AutoClassifier, standardize=False),
        priors=observed_priors,
        cost=8.0,
        growth=0.8,  # as in its own time limit
    ),
    Recipe("none", "no treatment", {}),
    Recipe("cost", "errors weighted by class, N / (K n_k)", {"class_weight": "balanced"}),
    Recipe("under", "random under-sampling", {"sampler": RandomUnderSampler()}),
    Recipe("over", "random over-sampling", {"sampler": RandomOverSampler()}),
    Recipe("smote", "SMOTE", {"sampler": SMOTE()}, growth=1.3),
    Recipe("borderline-smote", "Borderline-SMOTE", {"sampler": BorderlineSMOTE()}, growth=1.3),
    Recipe("svm-smote", "SVM-SMOTE", {"sampler": SVMSMOTE()}, growth=2.0),
    Recipe("smotified-gan", "SMOTE's rows, refined by a GAN", {"sampler": SMOTifiedGAN()}, slow=True, cost=30.0),
    Recipe("gbo", "synthetic rows of a GAN, from noise", {"sampler": GBO()}, slow=True, cost=30.0),
    Recipe("ssg", "SVM-SMOTE's rows, refined by a GAN", {"sampler": SSG()}, slow=True, cost=30.0),
    Recipe(
        "mubo",
        "MUBO, a search for the majority rows that train best",
        _mubo,
        # alone, the networks of the search are the classifier
        make=partial(MUBOClassifier, standardize=False, **NETWORK),
        priors=equal_priors,
        cost=2.0,
    ),
    Recipe("mixup", "MixUp of batches as they come", {"batch_transform": MixUp(alpha=0.3)}),
    Recipe(
        "rebalanced-mixup",
        "Rebalanced Mixup, labels leaning to the rarer class",
        {"batch_transform": RebalancedMixup()},
    ),
    Recipe("batch-smote", "SMOTE within each batch", {"batch_transform": BatchSMOTE()}),
    Recipe("remix", "ReMix, batches balanced and mixed", {"batch_transform": ReMix(alpha=0.3)}),
    Recipe(
        "remix-dataset",
        "batches drawn balanced from all rows, then mixed",
        {"batch_sampler": BalancedBatchSampler, "batch_transform": MixUp(alpha=0.3)},
    ),
    Recipe(
        "augment",
        "batches drawn balanced from all rows; of images, augmented copies",
        {"batch_sampler": BalancedBatchSampler},
    ),
    Recipe("focal", "focal loss, little weight for rows that are easy", {"loss": FocalLoss}),
    Recipe("class-balanced", "errors weighted by the effective number of rows", {"loss": ClassBalancedLoss}),
    Recipe("ldam", "LDAM, larger margins for minority classes", {"loss": _ldam, "network": "cosine_mlp"}),
    Recipe(
        "ldam-drw",
        "LDAM, errors weighted by class in the last fifth of the steps",
        {"loss": partial(DeferredReweighting, _ldam), "network": "cosine_mlp"},
    ),
    Recipe("la", "logit adjustment, class priors added to the logits", {"loss": LogitAdjustedLoss}),
    Recipe("cdt", "class-dependent temperatures, smaller logits for minority classes", {"loss": CDTLoss}),
    Recipe("vs", "vector scaling, LA and CDT in one loss", {"loss": VSLoss}),
    Recipe(
        AUTO_IMAGES,
        "for images: batches drawn by square roots of class sizes, logit adjustment for the rest",
        {"batch_sampler": RootBatchSampler, "loss": partial(LogitAdjustedLoss, tau=0.5)},
        images=True,
    ),
    Recipe("autobalance", "AutoBalance, a search for the loss on validation rows", {"loss": AutoBalance()}, cost=2.5),
]
"""The default, the untreated network and its treatments, in the order of lists."""
