"""
Probabilities before and after prior correction
===============================================

A network trained on balanced batches says 50% where 5% are right. Correcting the class priors repairs this without
any new training.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from equipoise import NeuralClassifier, PriorCorrectedClassifier, ReMix
from equipoise.metrics import log_loss

X, y = make_classification(6000, n_features=10, n_informative=5, weights=[0.95], class_sep=0.8, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
balancing = ReMix(alpha=0.3)
network = {"hidden_layer_sizes": (32,), "max_epochs": 15, "n_members": 4, "random_state": 0}
models = {
    "none": NeuralClassifier(**network),
    "ReMix": NeuralClassifier(batch_transform=balancing, **network),
    "ReMix, priors corrected": PriorCorrectedClassifier(
        NeuralClassifier(batch_transform=balancing, **network), training_priors="uniform", target_priors="observed"
    ),
}

figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
axis.plot([0, 1], [0, 1], color="grey", linestyle=":")
for name, model in models.items():
    proba = model.fit(X_train, y_train).predict_proba(X_test)
    frequency, predicted = calibration_curve(y_test, proba[:, 1], n_bins=8, strategy="quantile")
    axis.plot(predicted, frequency, marker="o", label=f"{name}: log loss {log_loss(y_test, proba):.3f}")
axis.set(xlabel="probability that the model gives", ylabel="share of minority rows", title="Reliability")
axis.legend()
plt.show()

# %%
# The mean probability tells the same: it should be the share of the minority class.
print(f"share of the minority class {y_test.mean():.3f}")
for name, model in models.items():
    print(f"{name:>25}: mean probability {np.mean(model.predict_proba(X_test)[:, 1]):.3f}")
