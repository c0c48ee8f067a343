"""MUBO: majority under-sampling by bilevel optimisation.

Medlin, Leyffer and Raghavan, "A Bilevel Optimization Framework for Imbalanced Data Classification" (2025),
Algorithm 1. An outer loop proposes micro-samples of the majority classes and keeps those that do not raise an
objective; an inner loop trains a network on what is kept.
"""

from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from imblearn.under_sampling.base import BaseCleaningSampler
from numpy.typing import ArrayLike, NDArray
from rich.console import Console
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from equipoise.bilevel.row_search import new_restart
from equipoise.bilevel.rows import Restart, RowProblem, class_codes
from equipoise.bilevel.score_search import begin
from equipoise.containers import readable
from equipoise.dependence import Dependence
from equipoise.progress import ProgressBars
from equipoise.samplers.any_container import AnyContainer
from equipoise.samplers.mubo_rows import RowInclusion, Scaled, held_out, whole_problem
from equipoise.samplers.mubo_score import CLIP, SELECTORS, check_parameters, choose, make_score_search
from equipoise.samplers.mubo_search import make_row_search, networks_of, request, rows_kept, run
from equipoise.samplers.mubo_variants import VARIANTS, Variant
from equipoise.sklearn_private import HasMethods, Interval, StrOptions, safe_indexing
from equipoise.training import FittedEnsemble, TrainedNetwork
from equipoise.training.scaling import Standardizer

_SCALED_ON = 100_000  # rows that means and deviations are taken from, at most


class MUBO(AnyContainer, BaseCleaningSampler):
    """Under-sample the majority classes by a bilevel search over their rows.

    The search starts from the minority rows alone. Each outer step proposes a few rows of the majority classes, trains
    a network on the accepted and the proposed rows, and accepts the proposal if an objective does not rise. The network
    remains as `classifier_`.

    With ``selector="score"`` the search does not decide row by row: it learns a small network that scores any row, and
    draws rows by their scores with known probabilities, for tables on which each step of a search would see next to
    nothing. One pass over the table scores all of its rows.

    Parameters
    ----------
    sampling_strategy : str or list, default="auto"
        Classes to under-sample, as in imbalanced-learn's cleaning samplers; all but the rarest by default. With
        several, a micro-sample has rows of each.
    selector : {"search", "score", "loss"}, default="search"
        ``"search"``: outer steps accept or reject rows, as `variant` says.

        ``"score"``: each outer step draws a sample of `majority_fraction`, trains a pilot network on it, and accepts it
        unless the balanced loss on held-out rows rises; a score network learns from the hypergradients of the held-out
        loss by the weights of the rows drawn. It sees the features of a row, the pilot's loss and margin on it, and
        its distance to rows of the minority and of the majority. Rows are drawn in proportion to its score, three in
        ten of them uniformly.

        ``"loss"``: one pilot, and rows drawn in proportion to their loss under it in place of a learned score.
    majority_fraction : float, default=0.05
        Share of the rows of each under-sampled class that ``"score"`` and ``"loss"`` draw.
    variant : {"default", "paper", "authors"}, default="default"
        ``"default"``: the inner loop weighs classes equally, so that a growing sample does not shift the decision; the
        objective is the class-balanced loss on held-out rows, which each restart draws for itself; a rejection undoes
        the training on the rejected rows. Micro-samples of ceil(m / 2) new rows, of ceil(m / 10) later, preferring
        rows of a large loss. Last, the inner loop runs once more, with the minority rows that were held out.

        ``"paper"``: Algorithm 1 to the letter. Rows at random with replacement; the objective J is the sum of the
        majority classes' losses over the size of the sample, and must not rise; J starts at 10; micro-samples of
        ceil(m / 10) rows, of ceil(m / 100) after the sample had more than 7/4 m; one output by Definition 1.

        ``"authors"``: the authors' code, where it differs from the paper: minority rows are bootstrapped; a burn-in on
        0.15 m majority and 0.07 m minority rows comes first, and its majority rows stay; micro-samples have m / 4, then
        m / 10, then m / 100 rows, by the number of acceptances; J need only lie below a mean of past values; softmax
        is applied twice; the first layer has no rectifier; training stops by the gradient of one batch (here a batch
        drawn after the step; theirs is the last one before it, and may be incomplete); weights and optimiser keep their
        state after a rejection; the network returned is that of the last step; inputs are not scaled.
    n_restarts : int, default=1
        Searches run in lockstep, which differ by chance; the rows returned are those of the one with the lowest
        objective, and `classifier_` is the mean of all.
    max_iter : int, optional
        Outer steps, at most; 100, 2 of ``selector="score"``, 1 of ``"loss"``.
    max_epochs : int, optional
        Epochs of the inner loop in each outer step; 10 in ``"default"``, else 2000.
    max_steps : int, optional
        Gradient steps of each restart in the whole search, divided among the outer steps, in place of epochs; 150 an
        outer step of ``selector="score"`` and ``"loss"``.
    tol : float, default=1e-3
        Norm of the gradient at which the inner loop stops.
    hidden_layer_sizes : sequence of int, optional
        (256, 128), and (64, 64) of ``"score"`` and ``"loss"``.
    batch_size : int, optional
        64 in ``"default"``, 256 of ``selector="score"`` and ``"loss"``, else 32.
    learning_rate : float, optional
        1e-3 in ``"default"``, 5e-3 of ``selector="score"`` and ``"loss"``, else 1e-4.
    dropout : float, default=0.0
        Dropout rate after each hidden layer, in [0, 1); not of ``"authors"``, of ``"paper"`` with two classes, or of
        other selectors than ``"search"``.
    weight_decay : float, default=0.0
        Weight decay of AdamW in place of Adam; not of other selectors than ``"search"``.
    n_iter_no_change : int, optional
        Outer steps without an acceptance after which a restart ends; 20 in ``"default"``, else none.
    validation_fraction : float, default=0.1
        Share of the rows that ``"default"`` holds out for its objective; they do not train in the search. A minority
        class of fewer than 10 rows is not divided.
    proposal, objective, acceptance : object, optional
        Parts in place of the variant's; see ``equipoise.bilevel``.
    standardize : bool, optional
        Bring features to mean 0 and deviation 1 for the networks; by default in all variants but ``"authors"``.
    max_time : float, optional
        Seconds after which no further outer step is begun.
    checkpoint : str or Path, optional
        File that keeps the search after each outer step. A call with the same rows and parameters (`max_iter` may be
        larger, unless it divides `max_steps`) goes on from it.
    verbose : bool, default=False
        Show progress with the time left.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    sampling_strategy_ : dict
        Classes that were under-sampled.
    sample_indices_ : ndarray of shape (n_new,)
        Rows kept, in ascending order; all minority rows are (in ``"authors"`` as bootstrapped).
    sample_weight_ : ndarray of shape (n_new,) or None
        Weights of the rows kept; None if none were given. The inner loop and the objective weigh rows by them, rows of
        weight 0 are left out, and sizes of micro-samples count rows. With other selectors never None, and divided
        by `inclusion_probabilities_`: weighted sums over the rows kept estimate those over all rows without bias.
    inclusion_probabilities_ : ndarray of shape (n_new,)
        Probability with which each row kept was drawn, 1 for those of other classes; not of ``"search"``.
    restarts_ : list of ndarray
        Rows kept by each restart.
    history_ : DataFrame
        A row a step of a restart: ``restart``, ``step``, ``proposed``, ``accepted``, ``objective``, mean losses
        ``majority_loss`` and ``minority_loss`` on the sample, ``gradient_norm``, ``epochs``, ``size``, ``seconds``.
    classifier_ : FittedEnsemble
        The networks of the last accepted steps, one a restart (``"default"``: trained once more; ``"authors"``: of
        the last steps).
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    See Also
    --------
    imblearn.under_sampling.RandomUnderSampler : Rows at random, without a search.
    equipoise.ResampledClassifier : Any classifier on the rows kept; on those that a score drew, its odds corrected.

    Notes
    -----
    The weights of ``selector="score"`` and ``"loss"`` can be large, and mislead flexible models: boosting fitted with
    `sample_weight_` may expect nearly twice the events there are, where a logistic model expects about as many as there
    are. Use `ResampledClassifier`, which corrects odds in place of weighting rows.

    References
    ----------
    Medlin, Leyffer and Raghavan, "A Bilevel Optimization Framework for Imbalanced Data Classification", 2025.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from equipoise import MUBO
    >>> X, y = make_classification(500, weights=[0.9], flip_y=0, random_state=0)
    >>> mubo = MUBO(max_iter=10, max_epochs=2, random_state=0)
    >>> X_small, y_small = mubo.fit_resample(X, y)
    >>> len(X_small) < 150, int((y_small == 1).sum()) == int((y == 1).sum())
    (True, True)
    """

    _parameter_constraints = {
        **BaseCleaningSampler._parameter_constraints,
        "selector": [StrOptions({"search", *SELECTORS})],
        "majority_fraction": [Interval(Real, 0, 1, closed="right")],
        "variant": [StrOptions(set(VARIANTS))],
        "n_restarts": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [None, Interval(Integral, 1, None, closed="left")],
        "max_epochs": [None, Interval(Integral, 1, None, closed="left")],
        "max_steps": [None, Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "hidden_layer_sizes": [None, "array-like"],
        "batch_size": [None, Interval(Integral, 1, None, closed="left")],
        "learning_rate": [None, Interval(Real, 0, None, closed="neither")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [None, Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "proposal": [None, HasMethods("propose")],
        "objective": [None, HasMethods("measure")],
        "acceptance": [None, HasMethods("accepts")],
        "standardize": [None, "boolean"],
        "max_time": [None, Interval(Real, 0, None, closed="neither")],
        "checkpoint": [None, str, Path],
        "verbose": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        selector: Literal["search", "score", "loss"] = "search",
        majority_fraction: float = 0.05,
        variant: Literal["default", "paper", "authors"] = "default",
        n_restarts: int = 1,
        max_iter: int | None = None,
        max_epochs: int | None = None,
        max_steps: int | None = None,
        tol: float = 1e-3,
        hidden_layer_sizes: Sequence[int] | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        dropout: float = 0.0,
        weight_decay: float = 0.0,
        n_iter_no_change: int | None = None,
        validation_fraction: float = 0.1,
        proposal: Any = None,
        objective: Any = None,
        acceptance: Any = None,
        standardize: bool | None = None,
        max_time: float | None = None,
        checkpoint: str | Path | None = None,
        verbose: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.selector = selector
        self.majority_fraction = majority_fraction
        self.variant = variant
        self.n_restarts = n_restarts
        self.max_iter = max_iter
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.tol = tol
        self.hidden_layer_sizes = hidden_layer_sizes
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.proposal = proposal
        self.objective = objective
        self.acceptance = acceptance
        self.standardize = standardize
        self.max_time = max_time
        self.checkpoint = checkpoint
        self.verbose = verbose
        self.random_state = random_state

    def fit_resample(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, dependence: Dependence | None = None
    ) -> tuple[Any, Any]:
        """Resample the rows.

        Parameters
        ----------
        X : array-like, sparse matrix, torch tensor or data frame of shape (n, n_features)
            Rows.
        y : array-like of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows; `sample_weight_` holds those of the resampled rows.
        dependence : Dependence, default=None
            Groups and times of the rows, for the rows that the search holds out.

        Returns
        -------
        (X, y)
            Resampled rows and labels, each in the container that was given.

        Raises
        ------
        ValueError
            If rows, labels or weights are invalid.
        """
        return self._resampled(X, y, sample_weight, dependence=dependence)

    def _fit_resample(
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        sample_weight: NDArray[np.float64] | None = None,
        dependence: Dependence | None = None,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        variant = VARIANTS[self.variant]
        rng = np.random.default_rng(check_random_state(self.random_state).randint(1 << 31))
        classes, codes = class_codes(y)
        scaler = self._scaler(X, variant, rng)
        majority = np.searchsorted(classes, list(self.sampling_strategy_)).tolist()
        whole = whole_problem(Scaled(X, scaler), codes, len(classes), majority, sample_weight)
        if self.selector == "search":
            networks = self._by_search(whole, variant, rng, dependence)
        else:
            networks = self._by_score(whole, scaler, rng, dependence)
        self.classifier_ = FittedEnsemble(networks, classes, scaler)
        return safe_indexing(X, self.sample_indices_), y[self.sample_indices_]

    def _by_search(
        self, whole: RowProblem, variant: Variant, rng: np.random.Generator, dependence: Dependence | None
    ) -> list[TrainedNetwork]:
        restarts = []
        for seed in rng.integers(1 << 31, size=self.n_restarts).tolist():
            rng = np.random.default_rng([seed])
            problem = held_out(whole, self.validation_fraction, rng, dependence) if variant.holds_out else whole
            restarts.append(new_restart(problem, seed, bootstrap=variant.bootstrap))
        search = make_row_search(variant, whole.n_classes, **self._parameters_of(make_row_search))
        with ProgressBars(Console(quiet=not self.verbose)) as bars:
            records = run(search, restarts, **self._going(search.inner_steps, restarts, bars))
        self.history_ = pd.DataFrame(records)
        self.restarts_ = [rows_kept(whole, restart) for restart in restarts]
        self.sample_indices_ = self.restarts_[int(np.argmin([restart.objective for restart in restarts]))]
        self.sample_weight_ = None if whole.weights is None else whole.weights[self.sample_indices_]
        return networks_of(search, variant, restarts, self.restarts_)

    def _by_score(
        self, whole: RowProblem, scaler: Standardizer | None, rng: np.random.Generator, dependence: Dependence | None
    ) -> list[TrainedNetwork]:
        check_parameters(self.get_params(deep=False))
        search = make_score_search(**self._parameters_of(make_score_search))
        problem = held_out(whole, self.validation_fraction, rng, dependence)
        restart = begin(problem, int(rng.integers(1 << 31)))
        with ProgressBars(Console(quiet=not self.verbose)) as bars:
            chosen = choose(search, whole, restart, **self._going(search.settings.max_steps, [restart], bars))
        self.history_ = pd.DataFrame(chosen.records)
        self.restarts_, self.sample_indices_ = [chosen.rows], chosen.rows
        self.inclusion_probabilities_ = chosen.probabilities
        self.sample_weight_ = whole.weights_of(chosen.rows) / chosen.probabilities
        self.inclusion_ = RowInclusion(chosen.draw, scaler)
        return [chosen.pilot]

    def _parameters_of(self, make: Callable[..., Any]) -> dict[str, Any]:
        """Return the parameters that a function takes by name."""
        own = self.get_params(deep=False)
        return {name: own[name] for name, each in signature(make).parameters.items() if each.kind is each.KEYWORD_ONLY}

    def _going(self, inner_steps: int | None, restarts: Sequence[Restart], bars: ProgressBars) -> dict[str, Any]:
        """Return how a search goes on: from which file, until when, and whom it tells."""
        return {
            "checkpoint": None if self.checkpoint is None else Path(self.checkpoint),
            "request": lambda: request(self.get_params(), inner_steps, restarts),
            "max_time": self.max_time,
            "on_step": partial(bars.advance, "searching"),
        }

    @available_if(lambda self: self.selector != "search")
    def inclusion_proba(self, X: Any) -> NDArray[np.float64]:
        """Probability with which a row of the table would have been drawn, had it each label.

        The score knows a row by its features alone, so that the rows need not have been in the table. If p(k|x) are the
        probabilities of the table, those of the rows drawn are in proportion to p(k|x) times this.

        Parameters
        ----------
        X : array-like, sparse matrix, torch tensor or data frame of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, K)
            A column a class, in the order of ``classifier_.classes_``; 1 for classes that are not under-sampled.

        Notes
        -----
        Not of ``selector="search"``: in a search by row, rows have no probability.
        """
        check_is_fitted(self, "inclusion_")
        return self.inclusion_(validate_data(self, readable(X), accept_sparse="csr", reset=False))

    def _scaler(self, X: Any, variant: Variant, rng: np.random.Generator) -> Standardizer | None:
        if not (variant.standardize if self.standardize is None else self.standardize):
            return None
        n = X.shape[0]
        rows = np.arange(n) if n <= _SCALED_ON else np.sort(rng.choice(n, _SCALED_ON, replace=False))
        return Standardizer.of(Scaled(X, None)[rows], clip=None if self.selector == "search" else CLIP)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.sampler_tags.sample_indices = True
        return tags
