"""
A batch before and after ReMix
==============================

ReMix balances a batch by drawing its rows again, then mixes the balanced batch with a permutation of itself. MixUp
mixes without balancing, so most of its mixtures lie between majority rows.
"""

import matplotlib.pyplot as plt
import torch

from equipoise import MixUp, ReMix

generator = torch.Generator().manual_seed(0)
angle = torch.rand(128, generator=generator) * 2 * torch.pi
rare = torch.arange(128) < 10
radius = torch.where(rare, 0.4, 1.0) + 0.06 * torch.randn(128, generator=generator)
x = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)
y = rare.long()

transforms = {
    "the batch": lambda x, y: (x, torch.nn.functional.one_hot(y, 2).float()),
    "MixUp": MixUp(alpha=0.3, num_classes=2, generator=torch.Generator().manual_seed(1)),
    "ReMix": ReMix(alpha=0.3, num_classes=2, generator=torch.Generator().manual_seed(1)),
}
figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharex=True, sharey=True, layout="constrained")
for axis, (name, transform) in zip(axes, transforms.items()):
    mixed, labels = transform(x, y)
    shown = axis.scatter(*mixed.T, c=labels[:, 1], cmap="coolwarm", vmin=0, vmax=1, s=14)
    axis.set_title(f"{name}: mean label {labels[:, 1].mean():.2f}", fontsize=10)
    axis.set_aspect("equal")
figure.colorbar(shown, ax=axes, label="share of the minority class in the label")
plt.show()

# %%
# The mean label shows the class priors that a network learns from such batches: one half after ReMix. Correct the
# probabilities with `PriorCorrectedClassifier` if you need those of your data.
