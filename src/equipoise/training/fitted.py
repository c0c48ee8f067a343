"""Trained networks that predict together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from equipoise.networks import CosineMLPStack, MLPStack, ModuleStack
from equipoise.training.results import TrainedNetwork

_ROWS_AT_ONCE = 1 << 14  # rows of all members sent through the stack at once


class FittedEnsemble:
    """Networks trained for one problem, whose mean probability is the prediction.

    Parameters
    ----------
    networks : sequence of TrainedNetwork
        Members, of one architecture.
    classes : ndarray of shape (n_classes,)
        Labels, in the order of the network's outputs.
    scaler : fitted scikit-learn transformer, optional
        Applied to rows before the networks see them.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    weights_ : dict of str to ndarray, each with a leading axis of members

    Examples
    --------
    >>> import numpy as np
    >>> from equipoise.training import FittedEnsemble, Settings, Table, Task, fit
    >>> X = np.linspace(-1, 1, 40, dtype="float32")[:, None]
    >>> y = (X[:, 0] > 0).astype(int)
    >>> networks = fit([Task(Table(X, y, n_classes=2), seed=s, settings=Settings(network=(8,))) for s in range(3)])
    >>> stack = FittedEnsemble(networks, classes=np.array(["left", "right"]))
    >>> stack.predict(np.array([[-0.9], [0.9]], dtype="float32"))
    array(['left', 'right'], dtype='<U5')
    """

    def __init__(self, networks: Sequence[TrainedNetwork], classes: NDArray[Any], scaler: Any = None) -> None:
        self.classes_ = classes
        self.scaler_ = scaler
        self.weights_ = {name: np.stack([n.weights[name] for n in networks]) for name in networks[0].weights}
        self.pattern_ = networks[0].pattern
        self._vectorized = networks[0].vectorized

    @property
    def n_members(self) -> int:
        """Number of networks."""
        return len(next(iter(self.weights_.values())))

    def to_module(self) -> nn.Module:
        """Build the stack as an ``nn.Module`` in evaluation mode, mapping ``(R, B, *features)`` to logits."""
        state = {name: torch.tensor(value) for name, value in self.weights_.items()}
        if self.pattern_ is None:
            matrices = [value for name, value in self.weights_.items() if name.startswith("weights.")]
            sizes = [matrices[0].shape[1], *(m.shape[2] for m in matrices)]
            perceptrons = CosineMLPStack if "scale" in state else MLPStack
            stack: nn.Module = perceptrons(sizes, self.n_members, state["weights.0"].dtype)
        else:
            stack = ModuleStack.like(self.pattern_, self.n_members, vectorized=self._vectorized)
        stack.load_state_dict(state)
        return stack.eval()

    @torch.no_grad()
    def member_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities of each member, of shape (n_members, n, n_classes), for rows (n, *features)."""
        stack = self.to_module()
        dtype = next(v.dtype for v in stack.parameters())
        members = self.n_members
        at_once = max(1, _ROWS_AT_ONCE // members)
        parts = (
            torch.tensor(self._scaled(X[start : start + at_once]), dtype=dtype) for start in range(0, len(X), at_once)
        )
        logits = [stack(rows.expand(members, *rows.shape)) for rows in parts]
        shape = (members, 0, len(self.classes_))
        joined = torch.cat(logits, dim=1) if logits else torch.empty(shape)
        return joined.double().softmax(dim=-1).numpy()

    def _scaled(self, X: NDArray[Any]) -> NDArray[Any]:
        return X if self.scaler_ is None else self.scaler_.transform(X)

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Mean probabilities of the members, of shape (n, n_classes), for rows (n, *features)."""
        return self.member_proba(X).mean(axis=0)

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """Most probable label of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
