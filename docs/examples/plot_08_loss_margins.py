"""
Losses side by side
===================

The loss of one row as a function of the logit of its class, for a majority row and a minority row (99 to 1).
"""

import matplotlib.pyplot as plt
import torch

from equipoise import CDTLoss, FocalLoss, LogitAdjustedLoss, VSLoss

counts = [990, 10]
logit = torch.linspace(-4, 6, 120)
losses = {
    "cross-entropy": torch.nn.CrossEntropyLoss(reduction="none"),
    "focal": FocalLoss(reduction="none"),
    "logit adjustment": LogitAdjustedLoss(counts, reduction="none"),
    "CDT": CDTLoss(counts, reduction="none"),
    "VS": VSLoss(counts, reduction="none"),
}
figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
for label, axis in enumerate(axes):
    logits = torch.zeros(len(logit), 2)
    logits[:, label] = logit
    for name, loss in losses.items():
        axis.plot(logit, loss(logits, torch.full((len(logit),), label)), label=name)
    axis.set(
        title=["a majority row", "a minority row"][label], xlabel="logit of its class, the other at 0", ylim=(0, 9)
    )
axes[0].set_ylabel("loss")
axes[1].legend()
plt.show()

# %%
# Logit adjustment shifts the curve: a minority row must win by ``log(990 / 10)`` before its loss is that of an even
# split. CDT makes the curve of minority rows flatter, so that it needs larger logits.
