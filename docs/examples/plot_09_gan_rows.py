"""
Synthetic rows of a GAN, and how to tell whether they are any good
==================================================================

A GAN's loss says little about its rows. The diagnostics compare synthetic rows with real ones: an accuracy of one half
means that a nearest-neighbour classifier cannot tell them apart, a spread ratio of one that they vary as much.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import make_moons

from equipoise import SMOTifiedGAN
from equipoise.samplers import GANDiagnosticsWarning

X, y = make_moons(900, noise=0.12, random_state=0)
keep = (y == 0) | (X[:, 0] > 0.9)
X, y = X[keep].astype("float32"), y[keep]

figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharex=True, sharey=True, layout="constrained")
for axis, epochs in zip(axes, (3, 80)):
    sampler = SMOTifiedGAN(max_epochs=epochs, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GANDiagnosticsWarning)
        X_more, y_more = sampler.fit_resample(X, y)
    synthetic = X_more[len(X) :]
    axis.scatter(*X[y == 0].T, s=4, color="lightgrey")
    axis.scatter(*X[y == 1].T, s=12, color="tab:red", label="minority")
    axis.scatter(*synthetic.T, s=5, color="tab:orange", label="synthetic")
    axis.set_title(f"{epochs} epochs", fontsize=10)
    figures = sampler.diagnostics_[["two_sample_accuracy", "spread_ratio", "out_of_range"]]
    print(f"{epochs} epochs\n{figures.round(2).to_string(index=False)}\n{len(caught)} warning")
axes[1].legend()
plt.show()

# %%
# After 3 epochs all synthetic rows lie almost on one spot. After 80 epochs they cover
# part of the class, but a nearest neighbour still recognises most of them as synthetic, so the sampler still warns.
