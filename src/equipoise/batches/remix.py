"""ReMix: resample the batch to balance, then mix it.

Bellinger, Corizzo and Japkowicz, "ReMix Training for Calibrated Imbalanced Deep Learning"
(arXiv 2012.02312), Algorithm 1. ``variant="paper"`` is the algorithm as printed; ``variant="authors"``
draws as the authors' published code does, so that class counts of a batch are random.
"""

from typing import Literal

import torch
from torch import Tensor

from equipoise.batches.classes import ClassRows
from equipoise.batches.mixture import Mixture
from equipoise.batches.mixup import MixUp
from equipoise.batches.transform import Between, Generators


class ReMix(MixUp):
    """Balance a batch by resampling its rows, then apply `MixUp`.

    1. B / C rows of each of the C classes present in the batch are drawn from it, with replacement;
       what B / C leaves over goes to classes chosen at random.
    2. The balanced batch is mixed with a permutation of itself, features and labels alike, with
       ``lambda ~ Beta(alpha, alpha)``.

    Not to be confused with *Remix* (Chou et al. 2020), here `RebalancedMixup`, which does not resample; its labels are
    mixed with another share than the features, by the class counts of all training rows.

    Parameters
    ----------
    alpha : float, default=0.3
        Parameter of the beta distribution, 0 or more; 0 balances without mixing. The paper's tables use 0.1, its
        conclusion recommends 0.3 and warns of values above 0.5.
    num_classes : int, optional
        K, needed when labels are integers.
    variant : {"paper", "authors"}, default="paper"
        ``"paper"``: class counts differ by one at most (Algorithm 1). ``"authors"``: each class is
        drawn up to the size of the largest (that one without replacement, the others with), then
        B rows are drawn from these with replacement, as in the authors' code.
    per_row : bool, default=False
        Whether to draw lambda for each row instead of once a batch.
    batch_dims : int, default=0
        Number of leading axes, such as replicas, whose entries are separate batches.
    between : callable, optional
        ``x -> x`` on the balanced rows before they are mixed, such as `Augment` for images, so that the copies of a
        minority image differ; each row of a pair is changed on its own. Bytes are allowed then, if its result is
        floating. The paper's ReMix (Aug); a batch that is augmented before ReMix repeats identical copies.
    generator : torch.Generator or sequence of torch.Generator, optional
        Random generator on the device of the batch, or one a replica along the first axis.

    Notes
    -----
    Only classes present in the batch can be balanced. A batch of B rows lacks a class of prior q with probability
    ``(1 - q)^B``. With one minority row to a hundred others (q = 1/101) and B = 64, these are 53% of the batches, which
    are then mixed within the majority class. Use larger batches, or `BalancedBatchSampler`, whose batches are balanced
    from all rows, with `MixUp`.

    Soft labels are balanced by their most probable class.

    ``torch.compile`` gives one graph if ``generator`` is None.

    See Also
    --------
    MixUp : Mixing without balancing.
    RebalancedMixup : The other Remix.
    BalancedBatchSampler : Balanced batches of all rows.

    References
    ----------
    Bellinger, Corizzo and Japkowicz, "ReMix Training for Calibrated Imbalanced Deep Learning",
    arXiv 2012.02312, Algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from equipoise import ReMix
    >>> remix = ReMix(alpha=0.3, num_classes=2, generator=torch.Generator().manual_seed(0))
    >>> x, y = remix(torch.randn(8, 3), torch.tensor([0, 0, 0, 0, 0, 0, 0, 1]))
    >>> y.sum(dim=0)
    tensor([4., 4.])
    """

    balances = True
    looks_at_classes = True
    first_in_place = False

    def __init__(
        self,
        *,
        alpha: float = 0.3,
        num_classes: int | None = None,
        variant: Literal["paper", "authors"] = "paper",
        per_row: bool = False,
        batch_dims: int = 0,
        between: Between | None = None,
        generator: Generators = None,
    ) -> None:
        self.variant = variant
        super().__init__(
            alpha=alpha,
            num_classes=num_classes,
            per_row=per_row,
            batch_dims=batch_dims,
            between=between,
            generator=generator,
        )

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.variant not in _BALANCE:
            raise ValueError(f"variant must be 'paper' or 'authors', but variant={self.variant!r}.")

    def draw(self, labels: Tensor, generator: torch.Generator | None = None, num_classes: int | None = None) -> Mixture:
        """Draw which rows are mixed; see `MixingTransform.draw`."""
        self._check_parameters()
        balanced = _BALANCE[self.variant](ClassRows(labels, num_classes), generator)
        mixup = super().draw(labels, generator)
        return mixup._replace(first=balanced, second=balanced.gather(-1, mixup.second))


def _balance_exactly(classes: ClassRows, generator: torch.Generator | None) -> Tensor:
    """Draw B / C rows of each class present, the remainder to random classes: positions (..., B)."""
    size = classes.labels.shape[-1]
    present = classes.count > 0
    n_present = present.sum(-1, keepdim=True).clamp(min=1)
    share = size // n_present
    left_over = size - share * n_present
    lottery = classes.uniform(present.shape, generator).masked_fill(~present, 2.0)
    ticket = lottery.argsort(-1).argsort(-1)  # rank of each class among those present
    quota = (share + (ticket < left_over).long()) * present  # (..., K), sums to B
    slots = torch.arange(size, device=present.device).expand(classes.labels.shape).contiguous()
    return classes.random_row(torch.searchsorted(quota.cumsum(-1), slots, right=True), generator)


def _balance_as_authors(classes: ClassRows, generator: torch.Generator | None) -> Tensor:
    """Draw each class up to the largest, then B rows of that pool with replacement: positions (..., B)."""
    *lead, size = classes.labels.shape
    n_classes = classes.count.shape[-1]
    largest = classes.count.amax(-1, keepdim=True)
    # A largest class enters the pool whole, so its nth entry is its nth row; the others are drawn.
    drawn = (classes.uniform((*lead, n_classes, size), generator) * classes.count.unsqueeze(-1)).long()
    whole = torch.arange(size, device=drawn.device).expand(drawn.shape)
    pool = torch.where((classes.count == largest).unsqueeze(-1), whole, drawn).flatten(-2)  # (..., K B)
    present = classes.count > 0
    by_presence = (~present).long().argsort(dim=-1, stable=True)  # classes present come first
    pick = classes.uniform((2, *lead, size), generator)
    of_class = by_presence.gather(-1, (pick[0] * present.sum(-1, keepdim=True)).long())
    entry = (pick[1] * largest).long()
    return classes.row(of_class, pool.gather(-1, of_class * size + entry))


_BALANCE = {"paper": _balance_exactly, "authors": _balance_as_authors}
