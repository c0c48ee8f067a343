"""
A comparison in a notebook, with its report
===========================================

`equipoise.compare` does in Python what the command ``equipoise compare`` does: the same folds for all recipes, an
interval for each, and no winner where chance may explain the lead.
"""

import html
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer

import equipoise

frame = load_breast_cancer(as_frame=True).frame
benign = frame.index[frame["target"] == 1]
malignant = frame.index[frame["target"] == 0][:40]  # one row in ten
frame = frame.loc[benign.union(malignant)].assign(target=lambda rows: np.where(rows["target"], "benign", "malignant"))

found = equipoise.compare(
    frame,
    "target",
    recipes=["none", "la", "gbdt", "logistic"],
    n_folds=3,
    n_repeats=1,
    n_members=2,
    cost={"miss": 20, "alarm": 1},
    verbose=False,
)
board = found.leaderboard.iloc[::-1]
figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
axis.plot(board["average_precision"], board["recipe"], "o", label="average precision")
axis.plot(board["g_mean"], board["recipe"], "s", label="G-mean")
axis.set(xlabel="mean over folds", title="40 malignant rows, 357 benign ones")
axis.legend()
plt.show()

# %%
# A notebook shows the comparison as a table.
found  # noqa: B018

# %%
# The report is one HTML file that loads nothing, so it can be embedded in any page.


class Page:
    """A page of HTML within this page."""

    def __init__(self, path):
        self.text = path.read_text(encoding="utf-8")

    def _repr_html_(self):
        return f'<iframe class="report" title="Report" srcdoc="{html.escape(self.text)}"></iframe>'


with tempfile.TemporaryDirectory() as folder:
    page = Page(found.report(Path(folder) / "report.html"))
page  # noqa: B018
