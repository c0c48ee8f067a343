"""MixUp: convex combinations of the rows of a batch and of their labels.

Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond Empirical Risk Minimization" (ICLR 2018),
equation 1 of section 2. Like the baseline of the ReMix paper, it mixes a batch with a permutation of itself, by
default with one lambda a batch.
"""

import math

import torch
from torch import Tensor

from equipoise.batches.chance import draw_share, permutations
from equipoise.batches.mixture import Mixture
from equipoise.batches.transform import Between, Generators, MixingTransform


class MixUp(MixingTransform):
    """Mix each row of a batch with another row of the batch, features and labels alike.

    With ``p`` a random permutation of the batch and ``lambda ~ Beta(alpha, alpha)``::

        x' = lambda x + (1 - lambda) x[p],   y' = lambda y + (1 - lambda) y[p]

    The expected class priors are those of the batch.

    Parameters
    ----------
    alpha : float
        Parameter of the beta distribution, 0 or more; 0 mixes nothing. With small values most mixed rows are close to
        one of their two rows.
    num_classes : int, optional
        K, needed when labels are integers.
    per_row : bool, default=False
        Whether to draw lambda for each row instead of once a batch.
    batch_dims : int, default=0
        Number of leading axes, such as replicas, whose entries are separate batches.
    between : callable, optional
        ``x -> x`` on the drawn rows before they are mixed, such as `Augment` for images; each row of a pair is changed
        on its own. Bytes are allowed then, if its result is floating.
    generator : torch.Generator or sequence of torch.Generator, optional
        Random generator on the device of the batch, or one a replica along the first axis.

    Notes
    -----
    ``torch.compile`` gives one graph if ``generator`` is None.

    See Also
    --------
    ReMix : MixUp of the balanced batch.

    References
    ----------
    Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.

    Examples
    --------
    >>> import torch
    >>> from equipoise import MixUp
    >>> mixup = MixUp(alpha=0.3, num_classes=2, generator=torch.Generator().manual_seed(0))
    >>> x, y = mixup(torch.randn(8, 3), torch.tensor([0, 0, 0, 0, 0, 0, 0, 1]))
    >>> x.shape, y.shape
    (torch.Size([8, 3]), torch.Size([8, 2]))
    """

    looks_at_classes = False
    first_in_place = True

    def __init__(
        self,
        *,
        alpha: float,
        num_classes: int | None = None,
        per_row: bool = False,
        batch_dims: int = 0,
        between: Between | None = None,
        generator: Generators = None,
    ) -> None:
        self.alpha = alpha
        self.num_classes = num_classes
        self.per_row = per_row
        self.batch_dims = batch_dims
        self.between = between
        self.generator = generator
        self._check_parameters()

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not 0 <= self.alpha < math.inf:
            raise ValueError(
                f"alpha must be 0 or more, and finite, but alpha={self.alpha!r}: 0.3 is a good choice, 0 mixes nothing."
            )

    def draw(self, labels: Tensor, generator: torch.Generator | None = None, num_classes: int | None = None) -> Mixture:
        """Draw which rows are mixed; see `MixingTransform.draw`."""
        self._check_parameters()
        partner = permutations(labels.shape, labels.device, generator)
        rows = torch.arange(labels.shape[-1], device=labels.device).expand(labels.shape)
        return Mixture(rows, partner, draw_share(labels, self.alpha, self.per_row, generator))
