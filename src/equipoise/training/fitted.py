"""Trained networks that predict together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from equipoise.networks import CosineMLPStack, MLPStack, ModuleStack
from equipoise.training.results import TrainedNetwork
from equipoise.training.scaling import Standardizer

_ROWS_AT_ONCE = 1 << 14  # rows of all members sent through the stack at once
_IMAGES_AT_ONCE, _OF_IMAGES = 256, 4  # images, and the axes of an array of them: what layers give stays in fast caches


class FittedEnsemble:
    """Networks trained for one problem, whose mean probability is the prediction.

    Parameters
    ----------
    networks : sequence of TrainedNetwork
        Members, of one architecture.
    classes : ndarray of shape (n_classes,)
        Labels, in the order of the network's outputs.
    scaler : Standardizer, optional
        Standardisation of the rows.
    device : str, default="cpu"
        Device of predictions; the CPU if this machine does not have it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    weights_ : dict of str to ndarray, each with a leading axis of members
        Read once, at the first prediction.
    scaler_ : Standardizer or None
    device_ : str
    pattern_ : nn.Module or None
        The user's module of the weights.

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

    def __init__(
        self,
        networks: Sequence[TrainedNetwork],
        classes: NDArray[Any],
        scaler: Standardizer | None = None,
        device: str = "cpu",
    ) -> None:
        self.classes_ = classes
        self.scaler_ = scaler
        self.device_ = device
        self.weights_ = {name: np.stack([n.weights[name] for n in networks]) for name in networks[0].weights}
        self.pattern_ = networks[0].pattern
        self._vectorized = networks[0].vectorized

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_module"}

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

    def member_proba(self, X: NDArray[Any] | Tensor) -> NDArray[np.float64]:
        """Probabilities of each member, of shape (n_members, n, n_classes), for rows (n, *features)."""
        at_once = max(1, (_IMAGES_AT_ONCE if X.ndim == _OF_IMAGES else _ROWS_AT_ONCE) // self.n_members)
        parts = [self._logits(X[start : start + at_once]) for start in range(0, len(X), at_once)]
        joined = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1) if parts else self._no_logits()
        return joined.double().softmax(dim=-1).cpu().numpy()

    def _logits(self, rows: NDArray[Any] | Tensor) -> Tensor:
        module, like = self._network()
        if not isinstance(rows, Tensor):
            rows = rows if self.scaler_ is None else self.scaler_.transform(rows)
            keeps = self.pattern_ is not None and rows.dtype == np.int64
            shared = self.pattern_ is None and rows.flags.writeable  # a user's network may write into its input
            made = torch.as_tensor if shared else torch.tensor
            rows = made(rows, dtype=None if keeps else like.dtype, device=like.device)
        with torch.no_grad():
            return module(rows.expand(self.n_members, *rows.shape))

    def _no_logits(self) -> Tensor:
        return torch.empty(self.n_members, 0, len(self.classes_))

    def _network(self) -> tuple[nn.Module, Tensor]:
        """Return the module on its device, kept from call to call, and a tensor of its type."""
        if "_module" not in self.__dict__:
            with torch.inference_mode(False):
                module = self.to_module().to(_device_here(self.device_)).requires_grad_(False)
                self._module = module, next(module.parameters()).new_empty(0)
        return self._module

    def from_bytes(self, rows: NDArray[np.uint8], scaler: Standardizer | None) -> Tensor:
        """Return rows of bytes as numbers on the device of the networks, standardised."""
        _, like = self._network()
        on_device = torch.tensor(rows, device=like.device)
        return on_device.to(like.dtype) if scaler is None else scaler.transform_bytes(on_device, like)

    def predict_proba(self, X: NDArray[Any] | Tensor) -> NDArray[np.float64]:
        """Mean probabilities of the members, of shape (n, n_classes), for rows (n, *features)."""
        return self.member_proba(X).mean(axis=0)

    def predict(self, X: NDArray[Any] | Tensor) -> NDArray[Any]:
        """Most probable label of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _device_here(name: str) -> torch.device:
    """Return a device, or the CPU if this machine does not have it."""
    try:
        return torch.zeros(1, device=name).device
    except (AssertionError, NotImplementedError, RuntimeError):
        return torch.device("cpu")
