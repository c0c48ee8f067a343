"""
How many labelled rows does an evaluation need?
===============================================

A recall is a share of positive rows, and where 1 row in 100 is positive, few of them are in a test set. Plan the number
of labelled rows before you collect them.
"""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np

plan = [sys.executable, "-m", "equipoise.cli", "plan", "--prior", ".01", "--recall", ".8", "--margin", ".05"]
print(subprocess.run(plan, capture_output=True, text=True, check=True).stdout)  # equipoise plan --prior .01 ...

# %%
# The same evaluation, run 2,000 times on new rows: with 2,000 labelled rows, a method whose true recall is 0.8 may show
# anything from 0.6 to 1; with as many rows as planned, the measured recall is within the margin in 95% of the cases.
rng = np.random.default_rng(0)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), sharex=True, layout="constrained")
for axis, rows in zip(axes, (2_000, 26_516)):
    positives = rng.binomial(rows, 0.01, size=2000)
    measured = rng.binomial(positives, 0.8) / positives
    within = np.mean(np.abs(measured - 0.8) <= 0.05)
    axis.hist(measured, bins=np.linspace(0.5, 1, 41), color="tab:blue")
    axis.axvspan(0.75, 0.85, color="tab:orange", alpha=0.2)
    axis.set(title=f"{rows:,} labelled rows: {within:.0%} within the margin", xlabel="measured recall", yticks=[])
plt.show()
