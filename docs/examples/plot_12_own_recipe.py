"""
Your own part in a recipe
=========================

Treatments at different places combine, and a part of your own takes the place of one of ours: here a batch transform of
ten lines.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedKFold

from equipoise import LogitAdjustedLoss, NeuralClassifier
from equipoise.batches import MixingTransform, Mixture
from equipoise.metrics import balanced_brier_score


class WithNext(MixingTransform):
    """Mix each row with the next one of its batch, in equal shares."""

    def __init__(self, *, num_classes=None, generator=None, batch_dims=0, per_row=False):
        self.num_classes, self.generator, self.batch_dims, self.per_row = num_classes, generator, batch_dims, per_row

    def draw(self, labels, generator=None, num_classes=None):
        """Return which two rows make each mixture, and the share of the first."""
        first = torch.arange(labels.shape[-1]).expand(labels.shape)
        return Mixture(first, first.roll(1, -1), torch.full(labels.shape, 0.5, dtype=torch.float64))


X, y = make_classification(3000, n_features=10, n_informative=5, weights=[0.93], class_sep=0.8, random_state=0)
models = {
    "none": {},
    "logit adjustment": {"loss": LogitAdjustedLoss},
    "mixed with the next": {"batch_transform": WithNext()},
    "both": {"loss": LogitAdjustedLoss, "batch_transform": WithNext()},
}
scores = {name: [] for name in models}
for train, test in StratifiedKFold(4, shuffle=True, random_state=0).split(X, y):
    for name, parts in models.items():
        clf = NeuralClassifier(hidden_layer_sizes=(32,), max_epochs=10, random_state=0, **parts).fit(X[train], y[train])
        scores[name].append(balanced_brier_score(y[test], clf.predict_proba(X[test])))

figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
axis.errorbar(
    [np.mean(score) for score in scores.values()],
    list(scores),
    xerr=[np.std(score) for score in scores.values()],
    fmt="o",
)
axis.set(xlabel="balanced Brier score, lower is better", ylim=(-0.5, 3.5))
axis.invert_yaxis()
plt.show()

# %%
# Mixing with the next row does not help on these rows: it leaves the balance of the classes as it is, and blurs their
# border. To find out was ten lines.
