"""
What each treatment does to the decision
========================================

Two moons, ten majority rows for each minority row. The same small network, untreated and with one treatment at a time.
The line is the decision; the colour is the probability of the minority class.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from equipoise import FocalLoss, LogitAdjustedLoss, MixUp, NeuralClassifier, ReMix
from equipoise.metrics import g_mean

X, y = make_moons(2400, noise=0.25, random_state=0)
keep = np.flatnonzero((y == 0) | (np.arange(len(y)) % 10 == 0))  # one minority row in ten stays
X_train, y_train = X[keep][::2], y[keep][::2]
X_test, y_test = X[keep][1::2], y[keep][1::2]
print(np.bincount(y_train), "training rows of each class")

treatments = {
    "none": {},
    "MixUp": {"batch_transform": MixUp(alpha=0.3)},
    "ReMix": {"batch_transform": ReMix(alpha=0.3)},
    "focal loss": {"loss": FocalLoss},
    "logit adjustment": {"loss": LogitAdjustedLoss},
}

# %%
# Treatments that balance (ReMix, logit adjustment) push the decision into the majority class. Focal loss and MixUp
# leave the class priors as they are.
grid = np.stack(np.meshgrid(np.linspace(-2, 3, 80), np.linspace(-1.5, 2, 60)), axis=-1)
figure, axes = plt.subplots(1, len(treatments), figsize=(14, 3), sharex=True, sharey=True, layout="constrained")
for axis, (name, parts) in zip(axes, treatments.items()):
    clf = NeuralClassifier(hidden_layer_sizes=(32, 32), max_epochs=30, random_state=0, **parts).fit(X_train, y_train)
    proba = clf.predict_proba(grid.reshape(-1, 2))[:, 1].reshape(grid.shape[:2])
    axis.contourf(grid[..., 0], grid[..., 1], proba, levels=20, cmap="RdBu_r", vmin=0, vmax=1, alpha=0.6)
    axis.contour(grid[..., 0], grid[..., 1], proba, levels=[0.5], colors="black")
    axis.scatter(*X_train[y_train == 0].T, s=3, color="tab:blue")
    axis.scatter(*X_train[y_train == 1].T, s=8, color="tab:red")
    axis.set_title(f"{name}\nG-mean {g_mean(y_test, clf.predict(X_test)):.2f}", fontsize=10)
plt.show()

# %%
# What the treatments gain here, a tuned threshold gains for the untreated network without any of them: see
# the examples on thresholds.
