"""RebalancedMixup: MixUp that gives labels to the smaller class of a pair.

Chou, Chang, Pan, Wei and Juan, "Remix: Rebalanced Mixup" (ECCV workshops 2020, arXiv 2007.03943).
"""

from copy import copy
from typing import Self

import torch
from torch import Tensor

from equipoise.batches.mixture import Mixture
from equipoise.batches.mixup import MixUp
from equipoise.batches.transform import Generators
from equipoise.losses.counts import ByClass, by_class


class RebalancedMixup(MixUp):
    """`MixUp` that gives the label of a pair of unequal classes to the smaller class.

    Row i is mixed with row j of a permutation of the batch, with ``lambda ~ Beta(alpha, alpha)``. With n_i and n_j the
    numbers of training rows of their classes, the weight of row i's label is::

        0         if n_i / n_j >= kappa  and  lambda < tau          # i is of a larger class and contributes little
        1         if n_j / n_i >= kappa  and  1 - lambda < tau      # j is of a larger class and contributes little
        lambda    otherwise

    and the weight of row j's label is the rest. The batch is not resampled.

    Published as *Remix*; not to be confused with `ReMix` (Bellinger, Corizzo and Japkowicz), which balances the batch
    by resampling, and mixes labels with the share of their features.

    Parameters
    ----------
    alpha : float, default=1.0
        Parameter of the beta distribution, 0 or more; 0 mixes nothing.
    kappa : float, default=3.0
        Least ratio of class sizes, 1 or more, for which the rule applies; infinity gives MixUp.
    tau : float, default=0.5
        Share of the features, 0 to 1, below which the larger class loses its share of the label; 0 gives MixUp.
    class_counts : array-like of shape (K,) or mapping, optional
        Rows of each class in the training set, not in the batch: in the order of class codes or keyed by labels.
        Our trainer sets them by `bound`.
    num_classes, per_row, batch_dims, generator
        As in `MixUp`.

    Notes
    -----
    Class sizes are those of the most probable class of a soft label; the soft labels are mixed.

    ``torch.compile`` gives one graph if ``generator`` is None.

    See Also
    --------
    MixUp : The same share for features and labels.
    ReMix : The other Remix.

    References
    ----------
    Chou et al., "Remix: Rebalanced Mixup", ECCV workshops 2020, arXiv 2007.03943.

    Examples
    --------
    >>> import torch
    >>> from equipoise import RebalancedMixup
    >>> generator = torch.Generator().manual_seed(0)
    >>> remix = RebalancedMixup(class_counts=[900, 100], num_classes=2, tau=1.0, generator=generator)
    >>> x, y = remix(torch.randn(4, 3), torch.tensor([0, 0, 0, 1]))
    >>> y.sum(dim=0)  # both mixed pairs have the label of the smaller class
    tensor([2., 2.])
    """

    balances = None
    looks_at_classes = True

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        kappa: float = 3.0,
        tau: float = 0.5,
        class_counts: ByClass | None = None,
        num_classes: int | None = None,
        per_row: bool = False,
        batch_dims: int = 0,
        generator: Generators = None,
    ) -> None:
        self.kappa = kappa
        self.tau = tau
        self.class_counts = class_counts
        super().__init__(
            alpha=alpha, num_classes=num_classes, per_row=per_row, batch_dims=batch_dims, generator=generator
        )

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not self.kappa >= 1 or not 0 <= self.tau <= 1:
            raise ValueError(
                f"kappa must be 1 or more and tau lie in 0 to 1, but kappa={self.kappa!r} and tau={self.tau!r}: "
                f"3 and 0.5 are the authors' choice."
            )

    def bound(self, class_counts: Tensor) -> Self:
        """Return the transform with class counts of shape (K,), unless it has its own."""
        if self.class_counts is not None:
            return self
        twin = copy(self)
        twin.class_counts = class_counts
        return twin

    def draw(self, labels: Tensor, generator: torch.Generator | None = None, num_classes: int | None = None) -> Mixture:
        """Draw which rows are mixed; see `MixingTransform.draw`.

        Raises
        ------
        ValueError
            If there are no class counts, or not one a class.
        """
        counts = self._counts(num_classes).to(labels.device, non_blocking=True)
        mixup, size = super().draw(labels, generator), counts[labels.long()]
        return mixup._replace(label_share=self.label_share(mixup.share, size, size.gather(-1, mixup.second)))

    def label_share(self, share: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Weight of the first row's label, from the share of its features and the class sizes of both rows."""
        to_second = (first / second >= self.kappa) & (share < self.tau)
        to_first = (second / first >= self.kappa) & (1 - share < self.tau)
        return share.masked_fill(to_first, 1.0).masked_fill(to_second, 0.0)

    def _counts(self, num_classes: int | None) -> Tensor:
        if self.class_counts is None:
            raise ValueError(
                "class_counts are needed, the rows of each class in the training set, but class_counts=None: "
                "give RebalancedMixup(class_counts=...), for example numpy.bincount(y_train)."
            )
        counts = by_class(self.class_counts, "class_counts").double()
        if not torch.compiler.is_compiling() and not (counts >= 0).all():
            raise ValueError(f"class_counts must be 0 or more, but class_counts={self.class_counts!r}.")
        if counts.ndim != 1 or num_classes not in (None, len(counts)):
            raise ValueError(
                f"class_counts must hold one number for each of the {num_classes or 'K'} classes, but its shape is "
                f"{tuple(counts.shape)}: count the labels of the training set with a minimum length of K."
            )
        return counts
