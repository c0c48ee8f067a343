"""
A threshold instead of a treatment
==================================

Tuning the threshold of an untreated model often gains as much as training it differently. Look here first.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from equipoise import TunedThresholdsClassifier
from equipoise.metrics import g_mean

X, y = make_classification(5000, n_features=12, n_informative=6, weights=[0.96], class_sep=0.9, random_state=1)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

plain = HistGradientBoostingClassifier(random_state=0).fit(X_train, y_train)
weighted = HistGradientBoostingClassifier(class_weight="balanced", random_state=0).fit(X_train, y_train)
tuned = TunedThresholdsClassifier(HistGradientBoostingClassifier(random_state=0), metric="g_mean").fit(X_train, y_train)

scores = {
    "as it is": g_mean(y_test, plain.predict(X_test)),
    "class weights": g_mean(y_test, weighted.predict(X_test)),
    "threshold tuned": g_mean(y_test, tuned.predict(X_test)),
}
figure, (bars, curve) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
bars.barh(list(scores), list(scores.values()), color=["grey", "tab:blue", "tab:orange"])
bars.set(xlabel="G-mean on test rows", title="Gradient boosting, 4% minority rows")

thresholds = np.geomspace(0.002, 0.9, 60)
proba = plain.predict_proba(X_test)[:, 1]
curve.plot(thresholds, [g_mean(y_test, (proba >= t).astype(int)) for t in thresholds])
curve.axvline(0.5, color="grey", linestyle=":", label="one half")
curve.set(
    xscale="log", xlabel="threshold on the probability", ylabel="G-mean", title="The same model at each threshold"
)
curve.legend()
plt.show()
