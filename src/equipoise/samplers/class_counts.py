"""Rows that a sampler leaves of each class, known before it runs: the class priors that a model then learns under."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

Counts = Mapping[Any, int]


@runtime_checkable
class DescribesCounts(Protocol):
    """A sampler that describes the class counts that it leaves.

    Over- and under-samplers on imbalanced-learn's bases need no such method: `sampling_strategy` describes theirs.
    """

    def resampled_counts(self, counts: Counts) -> Counts | None:
        """Rows of each class after resampling, by label; None if they depend on more than the counts.

        Parameters
        ----------
        counts : dict of label to int
            Rows of each class before resampling.

        Returns
        -------
        dict of label to int, or None
        """
        ...


def resampled_counts(sampler: Any, counts: Counts) -> dict[Any, int] | None:
    """Rows that a sampler leaves of each class.

    Parameters
    ----------
    sampler : imbalanced-learn sampler, or one that `DescribesCounts`
        Unfitted or fitted.
    counts : dict of label to int
        Rows of each class before resampling.

    Returns
    -------
    dict of label to int, or None
        None for cleaning and combined samplers, MUBO among them, which look at the rows to find how many to keep.
        Samplers that seek neighbours (ADASYN, SVM-SMOTE, NearMiss) may miss these counts by some rows.

    Raises
    ------
    ValueError
        If the `sampling_strategy` does not fit the counts.

    Examples
    --------
    >>> from imblearn.over_sampling import SMOTE
    >>> from equipoise.samplers import resampled_counts
    >>> resampled_counts(SMOTE(sampling_strategy=0.5), {"ok": 900, "fraud": 20})
    {'ok': 900, 'fraud': 450}
    """
    if isinstance(sampler, DescribesCounts):
        described = sampler.resampled_counts(counts)
        return None if described is None else {label: int(described[label]) for label in counts}
    from imblearn.over_sampling.base import BaseOverSampler  # slow to import
    from imblearn.under_sampling.base import BaseUnderSampler
    from imblearn.utils import check_sampling_strategy

    if not isinstance(sampler, (BaseOverSampler, BaseUnderSampler)):
        return None
    over = isinstance(sampler, BaseOverSampler)
    y = np.repeat(np.array(list(counts)), list(counts.values()))
    strategy = check_sampling_strategy(sampler.sampling_strategy, y, "over-sampling" if over else "under-sampling")
    return {label: int(n + strategy.get(label, 0) if over else strategy.get(label, n)) for label, n in counts.items()}
