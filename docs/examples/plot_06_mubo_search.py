"""
MUBO's search as it goes
========================

MUBO proposes micro-samples of majority rows and keeps those that pass its test after some training. Its history is a
data frame; here it is drawn, with the rows that were chosen.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from equipoise import MUBO

X, y = make_moons(1500, noise=0.22, random_state=0)
keep = np.flatnonzero((y == 0) | (np.arange(len(y)) % 8 == 0))
X, y = X[keep].astype("float32"), y[keep]
sampler = MUBO(max_iter=40, random_state=0)
X_chosen, y_chosen = sampler.fit_resample(X, y)
print(np.bincount(y), "rows before,", np.bincount(y_chosen), "after")
print(sampler.history_.head())

# %%
# Left: all rows, and the majority rows that were chosen. Right: the steps of the search.
figure, (rows, steps) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
rows.scatter(*X[y == 0].T, s=4, color="lightgrey", label="majority, left out")
rows.scatter(*X_chosen[y_chosen == 0].T, s=8, color="tab:blue", label="majority, chosen")
rows.scatter(*X[y == 1].T, s=10, color="tab:red", label="minority, all kept")
rows.legend()
history = sampler.history_
accepted = history["accepted"].astype(bool)
steps.plot(np.arange(len(history)), accepted.cumsum(), drawstyle="steps-post")
steps.set(xlabel="outer step", ylabel="micro-samples accepted", title="Steps of all restarts, one after another")
plt.show()
