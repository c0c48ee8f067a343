"""BatchSMOTE: the ReMix paper's baseline, SMOTE inside the batch.

Chawla, Bowyer, Hall and Kegelmeyer, "SMOTE: Synthetic Minority Over-sampling Technique" (JAIR 16, 2002),
applied to each mini-batch as in Bellinger, Corizzo and Japkowicz (arXiv 2012.02312).
"""

from numbers import Integral

import torch
from torch import Tensor

from equipoise.batches.classes import ClassRows
from equipoise.batches.mixture import Mixture
from equipoise.batches.transform import Generators, MixingTransform

_FEWEST = 3  # least rows of a class for interpolation; fewer are repeated


class BatchSMOTE(MixingTransform):
    """Over-sample the classes of a batch by SMOTE, then draw a batch from original and synthetic rows.

    1. Each class of the batch is filled up to the size of the largest with synthetic rows ``x_i + u (x_j - x_i)``: i
       is a random row of the class, j one of its k nearest neighbours of the class in the batch, and ``u`` uniform in
       0 to 1. k is ``k_neighbors``, or the number of other rows of the class if that is less. Rows of a class with
       fewer than 3 rows in the batch are repeated instead.
    2. B rows are drawn without replacement from all of these, in their order.

    A synthetic row has the label of row i. A batch of one class stays unchanged.

    Parameters
    ----------
    k_neighbors : int, default=5
        Largest number of neighbours to interpolate with, 1 or more, by Euclidean distance.
    num_classes, batch_dims, generator
        As in `MixUp`.

    Notes
    -----
    The authors' code takes k and the rule of 3 rows from the smallest class of the batch for all classes; here each
    class has its own, so that a small class does not affect the others. With two classes both are the same.

    As in the authors' code, classes are equal before the B rows are drawn, so that class counts of the result are
    random.

    Soft labels are over-sampled by their most probable class.

    ``torch.compile`` gives one graph if ``generator`` is None; it computes the neighbours of all rows, needed or not.

    See Also
    --------
    ReMix : Balances the batch by repeating rows, then mixes across classes.

    References
    ----------
    Bellinger, Corizzo and Japkowicz, "ReMix Training for Calibrated Imbalanced Deep Learning",
    arXiv 2012.02312, section 4 (baselines).

    Examples
    --------
    >>> import torch
    >>> from equipoise import BatchSMOTE
    >>> smote = BatchSMOTE(num_classes=2, generator=torch.Generator().manual_seed(0))
    >>> x, y = smote(torch.randn(100, 3), torch.tensor([0] * 90 + [1] * 10))
    >>> x.shape, y.sum(dim=0)
    (torch.Size([100, 3]), tensor([53., 47.]))
    """

    balances = True
    looks_at_features = True

    def __init__(
        self, *, k_neighbors: int = 5, num_classes: int | None = None, batch_dims: int = 0, generator: Generators = None
    ) -> None:
        self.k_neighbors = k_neighbors
        self.num_classes = num_classes
        self.batch_dims = batch_dims
        self.generator = generator
        self._check_parameters()

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not isinstance(self.k_neighbors, Integral) or self.k_neighbors < 1:
            raise ValueError(
                f"k_neighbors must be an integer of 1 or more, but k_neighbors={self.k_neighbors!r}: 5 is usual."
            )

    def draw(self, labels: Tensor, generator: torch.Generator | None = None, num_classes: int | None = None) -> Mixture:
        """Draw rows, shares and ranks of neighbours; `with_neighbours` then finds the neighbours by features.

        Parameters
        ----------
        labels, generator, num_classes
            See `MixingTransform.draw`.

        Returns
        -------
        Mixture
            ``second`` is the rank of the neighbour: 0 is the row itself, 1 the nearest row of its class, and so on.
            ``label_share`` is 1.
        """
        self._check_parameters()
        classes = ClassRows(labels, num_classes)
        first, synthetic = _drawn_from_pool(classes, generator)
        count = classes.count.gather(-1, classes.labels.gather(-1, first))
        between = synthetic & (count >= _FEWEST)
        uniform = classes.uniform((2, *labels.shape), generator)
        nearest = (count - 1).clamp(max=self.k_neighbors)
        rank = ((uniform[0] * nearest).long() + 1) * between
        return Mixture(first, rank, uniform[1].masked_fill(~between, 1.0), torch.ones_like(uniform[1]))

    def _resolved(self, x: Tensor, labels: Tensor, mixture: Mixture) -> Mixture:
        return with_neighbours(x, labels, mixture, max(1, min(self.k_neighbors, labels.shape[-1] - 1)))


def _drawn_from_pool(classes: ClassRows, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Draw B rows of the balanced pool: positions of their base rows, and whether they are synthetic, both (..., B).

    The pool, the B rows of the batch followed by the synthetic rows of each class, is never built: entries are drawn
    by number, and base rows are drawn for these entries only.
    """
    *lead, size = classes.labels.shape
    n_classes = classes.count.shape[-1]
    missing = (classes.count.amax(-1, keepdim=True) - classes.count) * (classes.count > 0)  # (..., K)
    up_to = missing.cumsum(-1)
    # P classes present make a pool of at most P (B - P + 1) rows, most if P is half of B.
    present = min(n_classes, (size + 1) // 2)
    longest = present * (size - present + 1)
    outside = torch.arange(longest, device=up_to.device) >= size + up_to[..., -1:]
    lots = classes.uniform((*lead, longest), generator).masked_fill(outside, 2.0)
    entry = lots.topk(size, largest=False, sorted=False).indices.sort(-1).values
    synthetic = entry >= size
    original = entry.clamp(max=size - 1)
    filled_up = torch.searchsorted(up_to, entry - size, right=True).clamp(max=n_classes - 1)
    of_class = torch.where(synthetic, filled_up, classes.labels.gather(-1, original))
    return torch.where(synthetic, classes.random_row(of_class, generator), original), synthetic


def with_neighbours(x: Tensor, labels: Tensor, mixture: Mixture, depth: int | None = None) -> Mixture:
    """Replace ranks of neighbours by positions in the batch.

    Ranks are those of `BatchSMOTE.draw`, at most ``depth`` (by default the largest of the mixture); ties are broken
    arbitrarily. x is (..., B, *features), labels and mixture are (..., B).
    """
    if depth is None:
        depth = int(mixture.second.max()) if labels.numel() else 0
    if not depth or not labels.numel():
        return mixture._replace(second=mixture.first)
    by_batch = labels.reshape(-1, labels.shape[-1])
    first, rank = mixture.first.reshape(by_batch.shape), mixture.second.reshape(by_batch.shape)
    row = first + torch.arange(0, first.numel(), first.shape[1], device=first.device).unsqueeze(1)
    # Few rows need neighbours, and the search costs more than all distances. But reading their number breaks a compiled
    # graph, and waits for a GPU.
    every = torch.compiler.is_compiling() or first.device.type != "cpu"
    bases = torch.arange(first.numel(), device=first.device) if every else row[rank > 0].unique()
    nearest = row.new_zeros(first.numel(), depth)
    nearest[bases] = _nearest(x.detach().reshape(*by_batch.shape, -1), by_batch, bases, depth)
    second = torch.where(rank > 0, nearest[row, (rank - 1).clamp(min=0)], first)
    return mixture._replace(second=second.view_as(mixture.second))


def _nearest(x: Tensor, labels: Tensor, rows: Tensor, depth: int) -> Tensor:
    """Positions (n, depth) of the rows of the same batch and class nearest to rows (n,) of x (N, B, d), numbered
    through all batches.
    """
    of_batch, position = rows // x.shape[1], (rows % x.shape[1]).unsqueeze(1)
    other = labels[of_batch] != labels.flatten()[rows].unsqueeze(1)
    distance = _squared_distances(x).flatten(0, 1)[rows].masked_fill(other, torch.inf)
    return distance.scatter(1, position, torch.inf).topk(depth, largest=False).indices


def _squared_distances(x: Tensor) -> Tensor:
    """Squared distance (N, B, B) of column j from row i, less what is the same for all j."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    x = x - x.mean(dim=1, keepdim=True)  # far from the origin the differences would drown in rounding
    with torch.autocast(x.device.type, enabled=False):
        return torch.baddbmm(x.square().sum(dim=2).unsqueeze(1), x, x.mT, alpha=-2)
