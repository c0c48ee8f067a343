"""imbalanced-learn's and scikit-learn's own suites for our samplers."""

from imblearn.utils.estimator_checks import parametrize_with_checks as parametrize_with_imblearn_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from equipoise import GBO, MUBO, SSG, SMOTifiedGAN

QUICK = {"max_iter": 3, "max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}
FEW_EPOCHS = {"max_epochs": 1, "batch_size": 512, "random_state": 0}  # one step an epoch
EACH_WAY = [  # of `fit_resample`
    MUBO(**QUICK),
    MUBO(selector="score", majority_fraction=0.3, max_steps=40, random_state=0),
    GBO(**FEW_EPOCHS),
    GBO(variant="paper", **FEW_EPOCHS),  # published training is one way for all three
]
SAMPLERS = [
    *EACH_WAY,
    *(MUBO(variant=variant, **QUICK) for variant in ("paper", "authors")),
    *(sampler(**FEW_EPOCHS) for sampler in (SMOTifiedGAN, SSG)),
]


@parametrize_with_imblearn_checks(EACH_WAY)
def test_imbalanced_learn(estimator, check):
    check(estimator)


@parametrize_with_checks(SAMPLERS, xfail_strict=True)
def test_scikit_learn(estimator, check):
    check(estimator)
