"""
Thresholds for five classes
===========================

With more than two classes, a threshold becomes an offset for each class. The confusion matrices show what tuning them
for balanced accuracy changes.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split

from equipoise import TunedThresholdsClassifier
from equipoise.metrics import balanced_accuracy

X, y = make_classification(
    5000,
    n_features=12,
    n_informative=8,
    n_classes=5,
    n_clusters_per_class=1,
    weights=[0.6, 0.25, 0.1, 0.03, 0.02],
    class_sep=0.9,
    random_state=0,
)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
boosting = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, random_state=0)
models = {
    "most probable class": boosting.fit(X_train, y_train),
    "offsets tuned": TunedThresholdsClassifier(boosting, metric="balanced_accuracy", cv=3).fit(X_train, y_train),
}

figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for axis, (name, model) in zip(axes, models.items()):
    predicted = model.predict(X_test)
    ConfusionMatrixDisplay.from_predictions(
        y_test, predicted, normalize="true", values_format=".2f", cmap="Blues", colorbar=False, ax=axis
    )
    axis.set_title(f"{name}: balanced accuracy {balanced_accuracy(y_test, predicted):.2f}", fontsize=10)
plt.show()

# %%
# The offsets, in units of log probability; a larger one makes its class more likely to be chosen.
print(models["offsets tuned"].offsets_.round(2))
