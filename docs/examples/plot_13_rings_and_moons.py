"""
Every treatment on rings and moons
==================================

The ring is that of the ReMix paper (Bellinger, Corizzo and Japkowicz 2020, Figure 1): a small minority class, 25 rows,
in the middle of a wide circle of majority rows. The moons overlap. Each panel is the same small network with one
treatment; the colour is the probability of the minority class, the line the decision.
"""

import matplotlib.pyplot as plt
import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.datasets import make_circles, make_moons
from sklearn.preprocessing import StandardScaler

from equipoise import (
    MUBO,
    AutoBalance,
    BatchSMOTE,
    CDTLoss,
    ClassBalancedLoss,
    FocalLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    MixUp,
    NeuralClassifier,
    RebalancedMixup,
    ReMix,
    ResampledClassifier,
    VSLoss,
)
from equipoise.metrics import g_mean

treatments = {
    "none": {},
    "class weights": {"class_weight": "balanced"},
    "under-sampling": {"sampler": RandomUnderSampler()},
    "SMOTE": {"sampler": SMOTE()},
    "MixUp": {"batch_transform": MixUp(alpha=0.3)},
    "ReMix": {"batch_transform": ReMix(alpha=0.3)},
    "rebalanced MixUp": {"batch_transform": RebalancedMixup(alpha=1.0)},
    "batch SMOTE": {"batch_transform": BatchSMOTE()},
    "focal": {"loss": FocalLoss},
    "class-balanced": {"loss": ClassBalancedLoss},
    "LDAM": {"loss": LDAMLoss},
    "logit adjustment": {"loss": LogitAdjustedLoss},
    "CDT": {"loss": CDTLoss},
    "VS": {"loss": VSLoss},
    "AutoBalance": {"loss": AutoBalance()},
}


def network(**parts):
    """A small network with one treatment."""
    return NeuralClassifier(hidden_layer_sizes=(32, 32), batch_size=128, max_steps=400, random_state=0, **parts)


models = {name: network(**parts) for name, parts in treatments.items()}
models["MUBO"] = ResampledClassifier(MUBO(max_iter=20, max_steps=400, random_state=0), network())


def draw(X, y, title, n_rare=25):
    """Fit each model to the first half of the rows, with ``n_rare`` of the minority class, and draw its decision."""
    X = StandardScaler().fit_transform(X)
    half = len(X) // 2
    train = np.concatenate([np.flatnonzero(y[:half] == 0), np.flatnonzero(y[:half] == 1)[:n_rare]])
    across, up = np.meshgrid(np.linspace(-2.6, 2.6, 70), np.linspace(-2.6, 2.6, 70))
    figure, axes = plt.subplots(4, 4, figsize=(10, 10.5), sharex=True, sharey=True, layout="constrained")
    for axis, (name, model) in zip(axes.flat, models.items()):
        model.fit(X[train], y[train])
        proba = model.predict_proba(np.column_stack([across.ravel(), up.ravel()]))[:, 1].reshape(across.shape)
        axis.contourf(across, up, proba, levels=np.linspace(0, 1, 21), cmap="RdBu_r", alpha=0.6)
        axis.contour(across, up, proba, levels=[0.5], colors="black")
        axis.scatter(*X[train][y[train] == 0].T, s=2, color="tab:blue")
        axis.scatter(*X[train][y[train] == 1].T, s=8, color="darkred")
        axis.set_title(f"{name}: {g_mean(y[half:], model.predict(X[half:])):.2f}", fontsize=10)
        axis.set(xticks=[], yticks=[])
    figure.suptitle(f"{title}: G-mean on held-out rows")
    plt.show()


draw(*make_circles(1000, noise=0.1, factor=0.1, random_state=1), "Ring")

# %%
# On the ring the classes do not overlap: most treatments, and none, find every row. What differs is where the line lies
# between the classes, and how gradual the probabilities are.
draw(*make_moons(1600, noise=0.25, random_state=0), "Moons")

# %%
# On the moons, treatments that balance push the line towards the majority class. One draw of 25 rows is an
# illustration, not a comparison: `equipoise.compare` repeats it over folds.
