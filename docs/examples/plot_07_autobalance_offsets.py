"""
AutoBalance's offsets along training
====================================

AutoBalance tunes the loss of each class on validation rows while the network trains. This is a plain PyTorch loop with
three more lines.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

from equipoise import AutoBalance

X, y = make_classification(
    4000, n_features=12, n_informative=8, n_classes=4, weights=[0.7, 0.2, 0.07, 0.03], class_sep=1.2, random_state=0
)
X_train, X_val, y_train, y_val = train_test_split(X, y, stratify=y, test_size=0.3, random_state=0)


def loader(X: np.ndarray, y: np.ndarray) -> DataLoader:
    """Shuffled batches of 64 rows."""
    rows = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(y))
    return DataLoader(rows, batch_size=64, shuffle=True, generator=torch.Generator().manual_seed(0))


torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(12, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
search = AutoBalance(objective="balanced", start="la").begin(model, np.bincount(y_train))
train, validation = loader(X_train, y_train), loader(X_val, y_val)

for _ in range(12):
    for x, target in train:
        search.loss(model(x), target).backward()
        optimizer.step()
        optimizer.zero_grad()
        if search.due():
            search.step(train, validation)

# %%
# The history is a data frame with the parameters of each class from the start on. The offsets start at the log
# priors, as in logit adjustment.
print(search.history.tail(3))
print(search.outer_steps.tail(3))

# %%
# Each parameter that the search changed, a line a class. Class 3 is the rarest.
changed = [name for name, values in search.history.groupby("parameter") if values.groupby("class")["value"].std().any()]
figure, axes = plt.subplots(1, len(changed), figsize=(5 * len(changed), 3.6), squeeze=False, layout="constrained")
for axis, name in zip(axes.flat, changed):
    for label, values in search.history[search.history["parameter"] == name].groupby("class"):
        axis.plot(values["step"], values["value"], label=f"class {label}")
    axis.set(xlabel="training step", title=name)
axes[0, 0].legend()
plt.show()
