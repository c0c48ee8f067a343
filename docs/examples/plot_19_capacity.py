"""
As many alarms as can be reviewed
=================================

A team can review a fixed number of cases a day. `CapacityClassifier` raises that many alarms, for the rows where they
are most probably right, however many a threshold would raise.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator

from equipoise import CapacityClassifier

X, y = make_classification(8000, n_features=12, n_informative=6, weights=[0.96], class_sep=0.9, random_state=2)
X_train, y_train, X_new, y_new = X[:4000], y[:4000], X[4000:], y[4000:]
boosting = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(X_train, y_train)
capacity = CapacityClassifier(FrozenEstimator(boosting), capacity=20).fit(X_train, y_train)
days = np.array_split(np.arange(len(X_new)), 20)  # 200 rows a day

raised = {"threshold one half": [], "20 a day": []}
found = dict.fromkeys(raised, 0)
for day in days:
    for name, model in zip(raised, (boosting, capacity)):
        alarm = model.predict(X_new[day]) == 1
        raised[name].append(alarm.sum())
        found[name] += (alarm & (y_new[day] == 1)).sum()

# %%
# Left: alarms of each day. Right: what any capacity would find, and how many of its alarms would be right.
figure, (by_day, by_capacity) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
for name, alarms in raised.items():
    by_day.plot(alarms, "o-", markersize=4, label=f"{name}: finds {found[name]} of {y_new.sum()}")
by_day.set(xlabel="day", ylabel="alarms", ylim=(0, 24), xticks=range(0, 20, 4))
by_day.legend()

proba = boosting.predict_proba(X_new)[:, 1]
sizes = np.arange(1, 61)
right = [sum(y_new[day[np.argsort(-proba[day])[:size]]].sum() for day in days) for size in sizes]
by_capacity.plot(sizes, np.array(right) / y_new.sum(), label="recall")
by_capacity.plot(sizes, np.array(right) / (sizes * len(days)), label="precision")
by_capacity.axvline(20, color="grey", linestyle=":")
by_capacity.set(xlabel="alarms a day", ylim=(0, 1.02))
by_capacity.legend()
plt.show()
