"""
A comparison in a notebook, with its report
===========================================

`equipoise.compare` does in Python what the command ``equipoise compare`` does: the same folds for all recipes, an
interval for each, and no winner where the scores cannot be trusted.
"""

import html
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import make_classification

import equipoise

X, y = make_classification(900, n_features=8, n_informative=5, weights=[0.9], class_sep=0.8, random_state=0)
frame = pd.DataFrame(X).add_prefix("x").assign(outcome=np.where(y == 1, "failed", "ran"))
found = equipoise.compare(
    frame,
    "outcome",
    recipes=["none", "la", "gbdt", "logistic"],
    n_folds=3,
    n_repeats=1,
    n_members=1,
    cost={"miss": 20, "alarm": 1},
    name="machines",
    verbose=False,
)
board = found.leaderboard.iloc[::-1]
figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
axis.plot(board["average_precision"], board["recipe"], "o", label="average precision")
axis.plot(board["g_mean"], board["recipe"], "s", label="G-mean")
axis.set(xlabel="mean over folds", title=f"{y.sum()} failures of 900")
axis.legend()
plt.show()

# %%
# A notebook shows the comparison as a table.
found

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
page
