"""Columns that are identifiers, empty, of mixed kinds, full of sentinels or of odd categories."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise.tables.columns import TextColumn
from equipoise.tables.finding import Finding, missing_values, option
from equipoise.tables.formats import PLAIN, read_numbers, unstated
from equipoise.tables.outliers import reach
from equipoise.tables.sample import NEARLY_ALL, Sample
from equipoise.text import counted, listed

_SENTINELS = (-9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0, 9999999.0, 1e6, 1e9, -1.0)

_MANY, _RETURN, _OFTEN = 50, 1.2, 60  # values of a key that comes back, and rows a value
_KEY_NAME = re.compile(
    r"^(id|key|code)\b|(\b(id|key|no|num|number|code|ref|uuid|guid)|nr|nummer|kennung) *$|"
    r"^(customer|client|patient|user|member|account|household|person|kund(e|in)|klient(in)?|patientin|(be)?nutzer(in)?|"
    r"mitglied|konto|haushalt)$"  # whose name alone stands for its key
)


def identifiers(sample: Sample) -> Iterator[Finding]:
    """Find row numbers and columns that name a row."""
    for name, reason in sample.identifiers.items():
        evidence = f"Column {name!r} {reason}."
        remedy = f"It is left out; if it does describe the rows, use {option('--keep', name)}."
        yield Finding("caution", "identifier", (name,), evidence, remedy)


def keys(sample: Sample) -> Iterator[Finding]:
    """Find columns whose values look like keys, but come back, so that they name groups of rows or say something."""
    for name, distinct in sample.distinct.items():
        cells = sample.X[name].dropna()
        n_values = round(distinct * len(cells))
        if n_values < _MANY or not _RETURN < len(cells) / n_values < _OFTEN or name in sample.keep:
            continue
        kind = sample.kinds[name]
        whole, looks = cells.dtype.kind in "iuf", bool(_KEY_NAME.search(_in_words(name)))
        if (whole and looks) or (kind == "category" and not whole and (looks or _are_written_as_keys(cells))):
            used = "a number" if kind == "number" else "categories"
            evidence = (
                f"Column {name!r} looks like a key, but its values come back: {n_values:,} in {len(cells):,} rows. It "
                f"is used as {used}."
            )
            remedy = (
                f"If new rows come from other values, hold these out together: {option('--group', name)}; if it only "
                f"names rows, use {option('--id', name)} or {option('--drop', name)}"
                + (f"; if its values are kinds, {option('--category', name)}." if kind == "number" else ".")
            )
            yield Finding("note", "key", (name,), evidence, remedy)


def _in_words(name: str) -> str:
    """Return a name in small letters, its parts apart: customerID, customer_id and Customer Id alike."""
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).lower()


def _are_written_as_keys(cells: pd.Series) -> bool:
    """Tell whether nearly all texts have one pattern of at least three digits, and letters or nothing beside them."""
    shapes = [re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "0", str(text))) for text in cells.unique()[:1000]]
    [(shape, count)] = Counter(shapes).most_common(1)
    beside = "A" in shape or not shape.strip("0")
    return count > NEARLY_ALL * len(shapes) and shape.count("0") >= 3 and beside and " " not in shape


def contents(sample: Sample) -> Iterator[Finding]:
    """Find columns that are constant, empty, mostly missing, mixed, in text, or hold sentinels."""
    values, constant, empty, sparse = sample.values, [], [], []
    numbers = [name for name in values if sample.kinds[name] == "number"]
    block = np.column_stack([values[name] for name in numbers]) if numbers else np.empty((0, 0))
    low, high = reach(block)
    reaches = dict(zip(numbers, zip(low, high)))
    for name, column in sample.columns.items():
        known = values[name] >= 0 if sample.kinds[name] == "category" else ~np.isnan(values[name])
        if name in sample.cells.misfits:
            pass
        elif not known.any() and sample.holds_of_all(name, 0):
            empty.append(name)
        elif known.all() and (values[name] == values[name][0]).all() and sample.holds_of_all(name, 1):
            constant.append(name)
        elif known.mean() < 0.2:
            sparse.append(name)
        if isinstance(column, TextColumn):
            yield from _text(name, column, sample)
        if sample.kinds[name] == "number" and known.sum() > 20:
            yield from _sentinels(name, values[name][known], *reaches[name])
    for columns, kind, said in (
        (constant, "constant", "One value only, so left out"),
        (empty, "empty", "No value at all, so left out"),
        (sparse, "mostly missing", "Missing in more than 80% of the rows"),
    ):
        if columns:
            yield Finding("note", kind, tuple(columns), f"{said}: {listed(map(repr, columns), most=10)}.", "")


def _text(name: str, column: TextColumn, sample: Sample) -> Iterator[Finding]:
    kind = sample.kinds[name]
    if kind in ("number", "date") and column.marks:
        counts = {mark: int(column.counts[list(column.levels).index(mark)]) for mark in column.marks}
        said = listed(f"{mark!r} ({count})" for mark, count in counts.items())
        yield Finding("note", "marks", (name,), f"Column {name!r}: {said} were taken for missing.", "")
    if (kind == "category" and not column.declared and len(column.levels) > 20) or name in sample.cells.misfits:
        share = column.counts[~np.isnan(read_numbers(column.cells, PLAIN))].sum() / max(1, column.counts.sum())
        if 0.05 < share < 0.95:
            evidence = f"Column {name!r} mixes numbers ({share:.0%} of its cells) and texts."
            remedy = f"Name the texts that stand for missing (--missing-values), or say {option('--category', name)}."
            yield Finding("caution", "mixed", (name,), evidence, remedy)


def _sentinels(name: str, values: NDArray[np.float64], low: float, high: float) -> Iterator[Finding]:
    apart = (values < low) | (values > high)
    others = values[~apart & ~np.isin(values, _SENTINELS)]
    if not others.size:
        return
    alone = (values < 0 if others.min() >= 0 else False) | (values > others.max() + 0.2 * np.ptp(others))
    counts = Counter(values[apart | (np.isin(values, _SENTINELS) & alone)].tolist())
    found = {v: n for v, n in counts.items() if v < low or v > high or (n >= 3 and abs(v) >= 9)}
    if found:
        texts = {f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}": n for value, n in sorted(found.items())}
        said = listed((f"{text!r} in {counted(n, 'row')}" for text, n in texts.items()), most=5)
        evidence = (
            f"Column {name!r} holds {said}, apart from all others ('{others.min():g}' to '{others.max():g}'): this "
            "may stand for a missing value."
        )
        marks = tuple(texts)[:5]
        yield Finding("caution", "sentinel", (name,), evidence, f"If so, use {missing_values(*marks)}.", marks)


def categories(sample: Sample) -> Iterator[Finding]:
    """Find levels that differ by case or blanks alone, and columns of levels with one row each."""
    for name, column in sample.columns.items():
        if not isinstance(column, TextColumn) or sample.kinds[name] != "category" or name in sample.cells.prose:
            continue
        yield from _question_marks(name, column)
        if len(column.levels) > 5000:
            continue
        if alike := _spelt_alike(column.levels):
            evidence = (
                f"Column {name!r} has {counted(len(alike), 'category', 'categories')} in several spellings, such as "
                f"{listed(map(repr, alike[0]), most=4)}."
            )
            yield Finding("caution", "spelling", (name,), evidence, "Write them alike.")
        single = int((column.counts == 1).sum())
        if sample.distinct.get(name, 0.0) > NEARLY_ALL:
            continue  # names the rows: left out, not pooled
        if len(column.levels) > 10 and single > len(column.levels) / 2:
            evidence = f"Column {name!r} has {len(column.levels):,} categories, {single:,} of them in one row only."
            yield Finding("note", "rare categories", (name,), evidence, "They are pooled.")


def labels(sample: Sample) -> Iterator[Finding]:
    """Find classes that differ by case or blanks alone, and those that may stand for no label."""
    if absent := unstated(sample.labels):
        counts = np.bincount(sample.codes)
        said = listed(f"{label!r} ({counted(int(counts[sample.labels.index(label)]), 'row')})" for label in absent)
        evidence = (
            f"{'Class' if len(absent) == 1 else 'Classes'} {said} {'looks' if len(absent) == 1 else 'look'} like "
            "a missing label."
        )
        remedy = f"If so, leave these rows out, or use {missing_values(*absent)}, which does."
        yield Finding("caution", "unstated", (), evidence, remedy, tuple(absent))
    for alike in _spelt_alike(sample.labels):
        evidence = f"Classes {listed(map(repr, alike))} differ in spelling alone, and are told apart."
        remedy = "Write them alike if they are one class."
        yield Finding("caution", "spelling", (), evidence, remedy)


def _spelt_alike(levels: Iterable[Any]) -> list[list[Any]]:
    folded: dict[str, list[Any]] = {}
    for level in levels:
        folded.setdefault(" ".join(str(level).casefold().split()), []).append(level)
    return [spellings for spellings in folded.values() if len(spellings) > 1]


def _question_marks(name: str, column: TextColumn) -> Iterator[Finding]:
    marks = [mark for mark in column.marks if re.match(r"\?|#|n\.a", mark.lower())]
    if marks:
        counts = {mark: int(column.counts[list(column.levels).index(mark)]) for mark in marks}
        evidence = f"Column {name!r} holds {listed(f'{mark!r} ({n:,})' for mark, n in counts.items())} as categories."
        remedy = f"If they stand for missing cells, use {missing_values(*marks)}."
        yield Finding("note", "marks", (name,), evidence, remedy, tuple(marks))
