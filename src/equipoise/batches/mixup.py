"""MixUp: convex combinations of the rows of a batch and of their labels.

Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond Empirical Risk Minimization" (ICLR 2018),
equation 1 of section 2. Mixing a batch with a permutation of itself, one share a batch, is the form
that the ReMix paper compares against.
"""

import torch
from torch import Tensor

from equipoise.batches.chance import draw_share, permutations
from equipoise.batches.mixture import Mixture
from equipoise.batches.transform import Generators, MixingTransform


class MixUp(MixingTransform):
    """Mix each row of a batch with a partner from the same batch, features and labels alike.

    With ``p`` a random permutation of the batch and ``lambda ~ Beta(alpha, alpha)``::

        x' = lambda x + (1 - lambda) x[p],   y' = lambda y + (1 - lambda) y[p]

    The shares of the classes stay as they are in the batch.

    Parameters
    ----------
    alpha : float
        Beta parameter, 0 or more; 0 mixes nothing. Small values keep most rows near one of the two.
    num_classes : int, optional
        K, needed when labels are integers.
    per_row : bool, default=False
        Draw lambda for each row instead of once a batch.
    batch_dims : int, default=0
        Number of axes before the rows, each place of which has a batch of its own, such as an axis of replicas.
    generator : torch.Generator or sequence of torch.Generator, optional
        Source of the draws, on the device of the batch; a sequence holds one a replica, along the first axis.

    Notes
    -----
    Without a generator of its own a call compiles by ``torch.compile`` to one graph; torch lets no generator
    enter a graph.

    See Also
    --------
    ReMix : Balances the batch first.

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
        generator: Generators = None,
    ) -> None:
        self.alpha = alpha
        self.num_classes = num_classes
        self.per_row = per_row
        self.batch_dims = batch_dims
        self.generator = generator

    def draw(self, labels: Tensor, generator: torch.Generator | None = None, num_classes: int | None = None) -> Mixture:
        """Draw which rows are mixed; see `MixingTransform.draw`."""
        partner = permutations(labels.shape, labels.device, generator)
        rows = torch.arange(labels.shape[-1], device=labels.device).expand(labels.shape)
        return Mixture(rows, partner, draw_share(labels, self.alpha, self.per_row, generator))
