"""AutoBalance: a search for the training loss by validation rows.

Li, Zhang, Thrampoulidis, Chen and Oymak, "AutoBalance: Optimized Loss Functions for Imbalanced Data" (NeurIPS 2021,
arXiv 2201.01212), equations 2.1, 2.2 and 4.2, and its algorithm. Departures from the authors' code: the step of the
hypergradient is bounded (their Neumann series has step 1, whatever the curvature), taken with batch-norm and dropout as
in prediction, and normalised; validation losses are summed by class over all batches before the division; no decay
pulls the parameters back; retraining uses their mean over the later half of the outer steps. The augmentation by class,
of which no code was released, is `ClassAugmentation`.
"""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from equipoise.bilevel.found_loss import FoundLoss, FoundTreatment
from equipoise.bilevel.loss_parameters import NAMES, STARTS, LossParameters
from equipoise.bilevel.loss_search import LossSearch
from equipoise.bilevel.outer_objectives import OBJECTIVES, OuterObjective, needs_groups, outer_objective
from equipoise.bilevel.searched_augmentation import SearchedAugmentation
from equipoise.bilevel.solvers import SOLVERS, Solver
from equipoise.bilevel.stack_loss_search import StackLossSearch
from equipoise.dependence import Dependence
from equipoise.losses.counts import by_class
from equipoise.networks import MLPStack, ModuleStack
from equipoise.sklearn_private import HasMethods, Interval, StrOptions
from equipoise.text import counted
from equipoise.training import InnerTraining

_WARM_UP, _WARM_UP_SHARE = 200, 0.4


class AutoBalance(BaseEstimator):
    """Search for the best loss on validation rows while a network trains.

    The loss is `ParametricCrossEntropy`: every class, or class and group, has a weight w, an offset l and a multiplier
    delta. At intervals an outer step moves them down the gradient of an objective on validation rows, through their
    effect on the weights of the network. This object holds plain parameters; `begin` creates the search.

    Parameters
    ----------
    objective : str, Blend or callable, default="balanced"
        Objective on the validation rows, in cross-entropies of the raw logits: ``"balanced"`` over classes or
        ``"worst_class"``; with groups also ``"group_balanced"``, ``"worst_group"``, ``"deo"`` (difference of equal
        opportunity), or a blend such as ``Blend("balanced", "deo", weight=0.5)``.
    start : {"la", "ce", "cdt"}, default="la"
        Initial loss: logit adjustment (consistent for the balanced error), plain cross-entropy, or class-dependent
        temperatures. Use ``"ce"`` with balanced batches, such as those of `ReMix`.
    tau : float, default=1.0
        Parameter of `LogitAdjustedLoss` for ``start="la"``.
    gamma : float, default=0.2
        Parameter of `CDTLoss` for ``start="cdt"``.
    parameters : sequence of {"w", "offset", "delta"}, default=("offset", "delta")
        Parameters to search for; the others keep their initial values. With an augmentation there may be none.
    sharing : "auto", None, int or "dictionary", default="auto"
        How parameters are tied across classes. None: one per class. int n: one per n classes of similar frequency.
        ``"dictionary"``: eight basis functions of class frequency for all. ``"auto"``: None up to 10 classes, else the
        dictionary.
    solver : {"identity", "neumann", "cg", "exact"} or Solver, default="identity"
        Treatment of the curvature of the training loss; see ``equipoise.bilevel.solvers``.
    warm_up : int, optional
        Training steps before the first outer step; by default two fifths of the run if `begin` knows its length,
        else 200.
    interval : int, default=5
        Training steps from one outer step to the next.
    n_batches : int, default=1
        Training batches, and validation batches, of an outer step.
    learning_rate : float, default=0.05
        Largest length of an outer step of each of w, offset and delta.
    validation_fraction : float, default=0.2
        In `NeuralClassifier`: share of validation rows in each class, or class and group, one at least. Your own loop
        splits the rows itself.
    augmentation : ClassAugmentation or SearchedAugmentation, optional
        Augmentation whose strengths and probabilities, by class or group, are searched for as well; one of your own
        follows ``equipoise.bilevel.searched_augmentation``. Your own loop applies it by ``search.augment``, which
        returns the images as they are without one.

    Notes
    -----
    For balanced error, try `LogitAdjustedLoss` with a tuned ``tau`` first, as no search beat it in our runs: on 18
    tables, three long-tailed tables and Fashion-MNIST-LT the differences are within chance. On three long tails the
    best ``tau`` at test gained .007 on ``tau=1``, so there is little to find, and a search in three folds gained no
    more (``equipoise reproduce autobalance-causes``). The search is for objectives that have no such formula, such as
    those of groups, or where a grid of trainings takes too long.

    See Also
    --------
    LogitAdjustedLoss : To be tried first for balanced error.
    ParametricCrossEntropy : The loss with fixed parameters.

    References
    ----------
    Li et al., "AutoBalance: Optimized Loss Functions for Imbalanced Data", NeurIPS 2021.

    Examples
    --------
    >>> import torch
    >>> from equipoise import AutoBalance
    >>> _ = torch.manual_seed(0)
    >>> x, y = torch.randn(300, 4), torch.arange(300) % 10 // 9
    >>> x[y == 1] += 1
    >>> train, validation = [(x[:200], y[:200])], [(x[200:], y[200:])]
    >>> model = torch.nn.Linear(4, 2)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    >>> search = AutoBalance(start="ce", warm_up=20).begin(model, class_counts=[180, 20])
    >>> for _ in range(100):
    ...     search.loss(model(train[0][0]), train[0][1]).backward()
    ...     optimizer.step()
    ...     optimizer.zero_grad()
    ...     if search.due():
    ...         search.step(train, validation)
    >>> search.n_outer_steps
    17
    >>> offsets = search.parameters["offset"]
    >>> bool(offsets[1] < offsets[0])  # an error on the minority class costs more
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "objective": [StrOptions(set(OBJECTIVES)), callable],
        "start": [StrOptions(set(STARTS))],
        "tau": [Interval(Real, 0, None, closed="left")],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "parameters": ["array-like"],
        "sharing": [None, StrOptions({"auto", "dictionary"}), Interval(Integral, 1, None, closed="left")],
        "solver": [StrOptions(set(SOLVERS)), HasMethods("solve")],
        "warm_up": [None, Interval(Integral, 0, None, closed="left")],
        "interval": [Interval(Integral, 1, None, closed="left")],
        "n_batches": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "augmentation": [None, HasMethods(["start", "rows", "with_values"])],
    }

    def __init__(
        self,
        *,
        objective: str | OuterObjective = "balanced",
        start: str = "la",
        tau: float = 1.0,
        gamma: float = 0.2,
        parameters: Sequence[str] = ("offset", "delta"),
        sharing: str | int | None = "auto",
        solver: str | Solver = "identity",
        warm_up: int | None = None,
        interval: int = 5,
        n_batches: int = 1,
        learning_rate: float = 0.05,
        validation_fraction: float = 0.2,
        augmentation: SearchedAugmentation | None = None,
    ) -> None:
        self.objective = objective
        self.start = start
        self.tau = tau
        self.gamma = gamma
        self.parameters = parameters
        self.sharing = sharing
        self.solver = solver
        self.warm_up = warm_up
        self.interval = interval
        self.n_batches = n_batches
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.augmentation = augmentation

    def begin(self, model: nn.Module, class_counts: ArrayLike | Tensor, *, max_steps: int | None = None) -> LossSearch:
        """Create a search beside the training of a model.

        Parameters
        ----------
        model : nn.Module
            Model on its training device, from ``(B, *features)`` to logits ``(B, K)``. A stack of R replicas, from
            ``(R, B, *features)`` to ``(R, B, K)``, has one search a replica.
        class_counts : array-like of shape (K,), or (K, G) with groups
            Training rows of each class, or of each class and group; with a leading axis of replicas for a stack.
        max_steps : int, optional
            Training steps of the whole run, 1 or more, if known.

        Returns
        -------
        LossSearch

        Raises
        ------
        ValueError
            If a parameter is not valid, a class has no rows, or the model ends in a linear layer of another number of
            outputs than classes.
        TypeError
            If the model is not a module.
        """
        self._validate_params()
        self._check_parameters()
        if max_steps is not None and not max_steps >= 1:
            raise ValueError(f"max_steps must be 1 or more, or None if the run's length is unknown, not {max_steps!r}.")
        if not isinstance(model, nn.Module):
            raise TypeError(f"model must be a torch.nn.Module, but is a {type(model).__name__}.")
        weights = next((p for p in model.parameters() if p.requires_grad), None)
        if weights is None:
            raise ValueError(f"The model must have trainable weights, but {type(model).__name__} has none.")
        lead = int(isinstance(model, (MLPStack, ModuleStack)))
        dtype = torch.promote_types(weights.dtype, torch.float32)
        counts = by_class(class_counts, "class_counts").detach().to(weights.device, dtype)
        grouped = self._has_groups(counts, lead)
        _check_outputs(model, counts.shape[lead])
        parameters = LossParameters(
            counts if grouped else counts.unsqueeze(-1),
            searched=tuple(self.parameters),
            start=self.start,
            tau=self.tau,
            gamma=self.gamma,
            sharing=self.sharing,
            augmentation=self.augmentation,
        )
        return LossSearch(
            model,
            parameters,
            objective=outer_objective(self.objective),
            solver=SOLVERS[self.solver] if isinstance(self.solver, str) else self.solver,
            warm_up=self._first_step(max_steps),
            interval=self.interval,
            n_batches=self.n_batches,
            learning_rate=self.learning_rate,
            lead=lead,
            grouped=grouped,
            augmentation=self.augmentation,
        )

    def split(
        self, cells: NDArray[np.integer], seed: int, dependence: Dependence | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Split rows into training rows and validation rows.

        Parameters
        ----------
        cells : ndarray of shape (n,), int
            Class, or class and group, of each row. The only row of a cell is a training row.
        seed : int
        dependence : Dependence, default=None
            Groups and times of the rows.

        Returns
        -------
        train, validation : ndarray of int
            Disjoint positions in ascending order, together all without a dependence.
        """
        return (dependence or Dependence()).hold_out(cells, self.validation_fraction, seed)

    # The outer problem of our own trainer; see `equipoise.training.outer`

    @property
    def prior_correction(self) -> str | None:
        """Name of the initial correction for class priors, for warnings; None without one."""
        return 'AutoBalance(start="la")' if self.start == "la" else None

    def drive(self, training: InnerTraining) -> StackLossSearch:
        """Create a search beside the training of a stack."""
        search = self.begin(training.stack, training.class_counts, max_steps=training.max_steps)
        return StackLossSearch(search, training)

    def losses(self, found: Sequence[FoundLoss], training: InnerTraining) -> FoundTreatment:
        """Return the losses, and the rows, of networks that train with the results of a search, one a replica."""
        return FoundTreatment(found, training, self.augmentation)

    def _check_parameters(self) -> None:
        names = list(self.parameters)
        none_at_all = not names and self.augmentation is None
        if none_at_all or len(set(names)) < len(names) or not set(names) <= set(NAMES):
            raise ValueError(
                f"parameters must be one or more of 'w', 'offset' and 'delta', each once, but parameters={names!r}."
            )

    def _has_groups(self, counts: Tensor, lead: int) -> bool:
        if counts.ndim not in (lead + 1, lead + 2):
            raise ValueError(
                f"class_counts must have the shape (K,), or (K, G) with groups, after the replicas of a stack, but its "
                f"shape is {tuple(counts.shape)}."
            )
        grouped = counts.ndim == lead + 2
        if not grouped and needs_groups(self.objective):
            raise ValueError(
                f"objective={self.objective!r} compares groups: give class_counts of shape (K, G), rows by class and "
                f"group, and the group of each row with each batch."
            )
        return grouped

    def _first_step(self, max_steps: int | None) -> int:
        if self.warm_up is not None:
            return self.warm_up
        return _WARM_UP if max_steps is None else int(_WARM_UP_SHARE * max_steps)


def _check_outputs(model: nn.Module, n_classes: int) -> None:
    """Compare classes with outputs where these are known; others show at the first loss."""
    while isinstance(model, nn.Sequential) and len(model):
        model = model[-1]
    if isinstance(model, nn.Linear) and model.out_features != n_classes:
        raise ValueError(
            f"class_counts must hold one value for each of the model's {counted(model.out_features, 'output')}, but "
            f"holds {n_classes:,}."
        )
