"""What a fit leaves: weights as numpy arrays, and the networks that they make again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from equipoise.networks import CosineMLPStack, MLPStack, ModuleStack, Stack
from equipoise.training.optimization import AdamState
from equipoise.training.task import FoundLoss, Task

_ROWS_AT_ONCE = 1 << 14  # rows of all members sent through the stack at once


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """One trained network, as numpy arrays.

    Attributes
    ----------
    weights : dict of str to ndarray
    pattern : nn.Module or None
        The module that the weights belong to; None for the multi-layer perceptron.
    vectorized : bool
        Whether ``torch.func.vmap`` can run the pattern.
    seconds : float
        Its share of the time that its stack took.
    n_steps : int
        Gradient steps made.
    stopped_by : {"max_steps", "max_time", "early_stopping", "gradient_tolerance"}
    history : list of (int, float)
        Step and value of each look of the first stopping rule: held-out score, or norm of the gradient.
    optimizer : AdamState or None
        Where the optimiser ended, if `Settings.keep_optimizer`.
    found : FoundLoss or None
        The loss that it trained with, if that was searched for.
    """

    weights: dict[str, NDArray[Any]]
    pattern: nn.Module | None
    vectorized: bool
    seconds: float
    n_steps: int
    stopped_by: str
    history: list[tuple[int, float]] = field(default_factory=list)
    optimizer: AdamState | None = None
    found: FoundLoss | None = None

    @classmethod
    def of(
        cls,
        stack: Stack,
        task: Task,
        state: dict[str, Tensor],
        seconds: float,
        n_steps: int,
        stopped_by: str,
        history: list[tuple[int, float]],
        optimizer: AdamState | None = None,
    ) -> "TrainedNetwork":
        """Cut one replica out of a stack, without the padding that a wider neighbour brought."""
        weights = {name: value.cpu().numpy() for name, value in state.items()}
        pattern, vectorized = None, True
        if isinstance(stack, MLPStack):
            last = len(stack.weights) - 1
            weights["weights.0"] = weights["weights.0"][: task.table.X.shape[1]]
            for name in weights.keys() & {f"weights.{last}", f"biases.{last}"}:
                weights[name] = weights[name][:, : task.table.n_classes]
            weights = {name: np.ascontiguousarray(value) for name, value in weights.items()}
        else:
            pattern, vectorized = stack.pattern, stack.vectorized
        return cls(weights, pattern, vectorized, seconds, n_steps, stopped_by, history, optimizer, task.found)

    def is_finite(self) -> bool:
        """Whether training left numbers only; a rate that is too high ends in infinities."""
        return all(np.isfinite(value).all() for value in self.weights.values())


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
