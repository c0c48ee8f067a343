"""Whether there are enough rows, and whether they repeat."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import beta, norm

from equipoise.tables.finding import Finding
from equipoise.tables.sample import Sample
from equipoise.text import counted

_TOO_FEW, _FEW, _ENOUGH = 10, 50, 300  # rows of the rarest class
_RECALL, _APART, _DRAWS = 0.7, 1.5, 1000  # of a model that serves as an example


def class_sizes(sample: Sample) -> Iterator[Finding]:
    """Say what so many rows of the rarest class can tell."""
    counts = np.bincount(sample.codes)
    rarest = int(counts.min())
    if rarest >= _ENOUGH:
        return
    found = round(_RECALL * rarest)
    low, high = beta.ppf(0.025, found, rarest - found + 1), beta.ppf(0.975, found + 1, rarest - found)
    precision, least, most = precision_by_chance(rarest, len(sample.codes) - rarest)
    evidence = (
        f"The rarest class, {sample.labels[counts.argmin()]!r}, has {counted(rarest, 'row')}. If a model finds "
        f"{found / rarest:.0%} of them, the 95% interval of its recall is {low:.0%} to {high:.0%}. By calculation, "
        f"without a model: if the true average precision is {precision:.2f}, 95% of tables of this size show a value "
        f"between {least:.2f} and {most:.2f}."
    )
    if rarest < _TOO_FEW:
        yield Finding("serious", "few rows", (), evidence, "No comparison can tell methods apart; collect more rows.")
    elif rarest < _FEW:
        yield Finding("caution", "few rows", (), evidence, "Small differences between methods are chance.")
    else:
        yield Finding("note", "few rows", (), evidence, "")


def precision_by_chance(n_rare: int, n_others: int) -> tuple[float, float, float]:
    """Mean and 95% interval of the average precision of one model, over tables of so many rows.

    Scores are normal, those of the rare class higher by 1.5 deviations. The ranks of the rare rows decide: their scores
    are drawn, then how many of the others lie between each and the next.
    """
    rng = np.random.default_rng(0)
    shares = np.sort(norm.sf(rng.normal(_APART, 1, (_DRAWS, n_rare))), axis=1)  # of the others, above each rare row
    above, precision = np.zeros(_DRAWS, dtype=np.int64), np.zeros(_DRAWS)
    for i in range(n_rare):
        before = shares[:, i - 1] if i else 0.0
        above += rng.binomial(n_others - above, np.clip((shares[:, i] - before) / (1 - before), 0, 1))
        precision += (i + 1) / (i + 1 + above) / n_rare
    least, most = np.quantile(precision, [0.025, 0.975])
    return float(precision.mean()), float(least), float(most)


def duplicates(sample: Sample) -> Iterator[Finding]:
    """Count rows that repeat, with the same label and with another, and bound what any model can reach."""
    groups = sample.alike
    sizes = np.bincount(groups)
    n_repeats = int(len(groups) - len(sizes))
    if not n_repeats:
        return
    table = pd.DataFrame({"group": groups, "code": sample.codes}).value_counts().reset_index(name="n")
    most = table.groupby("group")["n"].max().sum()
    n_wrong = int(len(groups) - most)
    by_group = table.groupby("group")["code"].nunique()
    n_conflicts = int((by_group > 1).sum())
    evidence = (
        f"{counted(n_repeats, 'row')} of {len(groups):,} {'repeats' if n_repeats == 1 else 'repeat'} the features of "
        "an earlier one."
    )
    remedy = "They are held out together; if they are copies of one case, remove them."
    yield Finding("caution" if n_repeats > 0.01 * len(groups) else "note", "duplicates", (), evidence, remedy)
    if n_conflicts:
        evidence = (
            f"{counted(n_conflicts, 'set')} of equal rows {'has' if n_conflicts == 1 else 'have'} different labels: "
            f"any model is wrong in at least {n_wrong:,} of {len(groups):,} rows ({n_wrong / len(groups) * 100:.2g}%)."
        )
        yield Finding("caution", "contradictions", (), evidence, "Look at these rows.")
