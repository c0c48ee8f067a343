"""
What a miss costs, and what an alarm costs
==========================================

With calibrated probabilities, costs need no training: alarm where the expected cost of not alarming is higher.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from equipoise import AutoClassifier

X, y = make_classification(1500, n_features=8, n_informative=4, weights=[0.93], class_sep=0.8, random_state=3)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, test_size=0.5, random_state=0)
clf = AutoClassifier(max_steps=150, random_state=0).fit(X_train, y_train)
proba = clf.predict_proba(X_test)

misses = np.geomspace(1, 100, 12)
paid, best = [], []
for miss in misses:
    costs = np.array([[0, 1], [miss, 0]])  # rows: true class, columns: decision
    decided = clf.predict_from_proba(proba, costs)
    paid.append(costs[y_test, decided].mean())
    fixed = [costs[y_test, (proba[:, 1] >= t).astype(int)].mean() for t in np.linspace(0, 1, 101)]
    best.append(min(fixed))

figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
axis.plot(misses, paid, marker="o", label="decided by expected cost")
axis.plot(misses, best, linestyle=":", color="grey", label="best threshold in hindsight")
axis.plot(misses, misses * y_test.mean(), linestyle="--", label="no alarm at all")
axis.plot(misses, np.full(len(misses), 1 - y_test.mean()), linestyle="--", label="alarm on every row")
axis.set(xscale="log", xlabel="cost of a miss, in false alarms", ylabel="cost a row", ylim=(0, 1.2))
axis.legend()
plt.show()
