"""Group DRO: the loss of the cells (class and group) that are worst, by weights that follow them.

Sagawa, Koh, Hashimoto and Liang, "Distributionally Robust Neural Networks for Group Shifts" (ICLR 2020, arXiv
1911.08731), algorithm 1 and equation 5. Weights are kept as logarithms.
"""

import warnings

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from equipoise.losses.counts import by_class
from equipoise.losses.reduction import Rows, accept, check_classes, check_group, check_range, cross_entropy


class GroupDROLoss(nn.Module):
    """Weighted mean of the losses of all cells (class and group), with weights that grow where losses are large.

    At each training step the weight of a cell in the batch is multiplied by ``exp(step * loss)``, where a cell without
    rows has loss 0, and weights are scaled to sum 1. Fixed weights ``N / (K G n_kg)`` are `ParametricCrossEntropy` with
    such a ``w`` of shape (K, G). A call after ``eval()`` or under ``torch.no_grad()`` leaves the weights as they are,
    and so does a batch whose loss is not finite.

    Parameters
    ----------
    cell_counts : array-like of shape (K, G)
        Training rows of each class and group. Cells without any have no weight.
    step : float, default=0.01
        Rate at which weights follow losses.
    adjustment : float, default=0.0
        ``adjustment / sqrt(n)`` is added to the loss of a cell of n rows, as small cells generalise worse.
    ignore_index : int, default=-100
        Class index of ignored rows; their groups must be valid, too.

    Attributes
    ----------
    weights : Tensor of shape (K, G)
        Current weights.

    Warns
    -----
    UserWarning
        Once, if the loss of a batch on the CPU is not finite.

    Notes
    -----
    It needs strong weight decay or early stopping: once all rows are fitted, no cell is worse than another. It has a
    state, and so, unlike other losses, no functional twin; a batch gives one value, whatever its number of rows.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import GroupDROLoss
    >>> loss = GroupDROLoss([[90, 10], [10, 90]], step=1.0)
    >>> logits = torch.tensor([[2.0, -2.0], [2.0, -2.0]], requires_grad=True)
    >>> loss(logits, torch.tensor([0, 1]), torch.tensor([0, 0]))
    tensor(3.8116, grad_fn=<SumBackward0>)
    >>> loss.weights
    tensor([[0.0174, 0.0171],
            [0.9485, 0.0171]])
    """

    log_weights: Tensor
    margin: Tensor
    cells: Tensor

    def __init__(
        self, cell_counts: ArrayLike | Tensor, *, step: float = 0.01, adjustment: float = 0.0, ignore_index: int = -100
    ) -> None:
        super().__init__()
        counts = by_class(cell_counts, "cell_counts").to(torch.get_default_dtype())
        if counts.ndim != 2 or not counts.sum(1).all() or (counts < 0).any():
            raise ValueError(
                f"cell_counts must have shape (K, G), no negative numbers and rows of each class, but are "
                f"{cell_counts!r}."
            )
        if not step > 0 or not adjustment >= 0:
            raise ValueError(f"step must be positive and adjustment 0 or more, but are {step!r} and {adjustment!r}.")
        self.step, self.adjustment, self.ignore_index = step, adjustment, ignore_index
        self.register_buffer("log_weights", torch.where(counts > 0, 0.0, -torch.inf).flatten().log_softmax(0))
        self.register_buffer("margin", torch.where(counts > 0, adjustment / counts.clamp(min=1).sqrt(), 0.0).flatten())
        self.register_buffer("cells", torch.arange(counts.numel()).view(counts.shape), persistent=False)
        self.shape = counts.shape
        self._told_not_finite = False

    @property
    def weights(self) -> Tensor:
        """Current weights of the cells, of sum 1."""
        return self.log_weights.exp().view(self.shape)

    def forward(self, logits: Tensor, target: Tensor, group: Tensor) -> Tensor:
        """Update the weights by a batch, in training, and return the weighted loss.

        Parameters
        ----------
        logits : Tensor of shape (B, K)
        target, group : Tensor of shape (B,), integer
            Class and group of each row.

        Returns
        -------
        Tensor of shape ()

        Raises
        ------
        ValueError
            If shapes, classes or groups do not fit ``cell_counts``, or the target holds probabilities.
        TypeError
            If an argument is no tensor, or the logits are not floating.
        """
        batch = accept(logits, target, self.ignore_index)
        if batch.soft or batch.logits.ndim != 2:
            raise ValueError(
                f"Each row must be of one cell, with logits (B, K) and class indices (B,), but the shapes are "
                f"{tuple(logits.shape)} and {tuple(target.shape)} ({target.dtype}): leave the batches unmixed."
            )
        check_classes(self.cells, batch.logits, "cell_counts", grouped=True)
        losses = cross_entropy(batch.logits, batch, None, "none")
        cells = self._cells_of(batch, group)
        sums, rows = (
            losses.new_zeros(self.shape.numel()).index_add(0, cells, v) for v in (losses, batch.counted().to(losses))
        )
        means = torch.where(rows > 0, sums / rows.clamp(min=1) + self.margin, 0.0)
        if self.training and torch.is_grad_enabled():
            self._follow(means.detach())
        return (self.log_weights.exp() * means).sum()

    def _cells_of(self, batch: Rows, group: Tensor) -> Tensor:
        check_group(group, batch.logits)
        try:  # a lookup checks the range at no cost
            return self.cells[batch.classes()].gather(1, group.long().unsqueeze(1)).squeeze(1)
        except (IndexError, RuntimeError):
            check_range(group, self.shape[1])
            raise

    def _follow(self, means: Tensor) -> None:
        """Update the weights by the losses of the cells, if they are finite."""
        finite = means.isfinite().all()
        updated = (self.log_weights + self.step * means).log_softmax(0)
        self.log_weights = torch.where(finite, updated, self.log_weights)
        if not self._told_not_finite and means.device.type == "cpu" and not finite:  # reading it, a GPU would wait
            self._told_not_finite = True
            warnings.warn(
                "The loss of a batch is not finite, so the weights of GroupDROLoss stay as they are: look for NaN in "
                "the batch, or for a network that diverges.",
                stacklevel=5,
            )
