"""
A check before training
=======================

Leaks, identifiers and repeated rows make a comparison worthless. `equipoise.check` finds them and says what to do; the
command ``equipoise check TABLE --target T`` prints the same.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import equipoise

rng = np.random.default_rng(0)
fraud = rng.random(2000) < 0.06
frame = pd.DataFrame(
    {
        "case_id": np.arange(2000),
        "amount": rng.lognormal(3 + fraud, 1),
        "age": rng.integers(18, 90, 2000),
        "recovered": np.where(fraud, rng.lognormal(4, 1, 2000), 0),  # known only after the fraud was found
        "currency": "EUR",
        "outcome": np.where(fraud, "fraud", "ok"),
    }
)
findings = equipoise.check(frame, "outcome")
for finding in findings:
    print(finding)

# %%
# Why ``recovered`` is a leak: it separates the classes, but only because it was filled in afterwards.
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
for axis, column in zip(axes, ("amount", "recovered")):
    values = np.log1p(frame[column])
    axis.hist([values[~fraud], values[fraud]], bins=25, density=True, label=["ok", "fraud"])
    axis.set(xlabel=f"log(1 + {column})", title=column)
axes[0].legend()
plt.show()
