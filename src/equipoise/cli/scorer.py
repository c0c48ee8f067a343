"""Predictions and probabilities beside the rows of a table, part by part, with notes on what does not fit the model."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equipoise.text import listed, near_names

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_MANY_CLIPPED = 0.05  # of the rows; some of the training rows are, too


@dataclass
class Scorer:
    """Scores parts of a table; names and notes are those of the first part."""

    pipeline: Any
    about: dict[str, Any]
    threshold: float | None
    allow_missing: bool
    kept: list[str]
    names: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unseen: "dict[str, Counter[str]]" = field(default_factory=dict)
    clipped: "Counter[str]" = field(default_factory=Counter)
    n_scored: int = 0
    decided: "NDArray[Any] | None" = None

    @property
    def sought(self) -> str:
        """Name of the column with the probability of the positive class."""
        return f"probability_{self.pipeline.classes_[self._positive()]}"

    def _positive(self) -> int:
        return positive_class(self.pipeline.classes_, self.about)

    @property
    def counts_alarms(self) -> bool:
        """Whether the decision is a number of alarms in a batch, which the whole file is."""
        from equipoise.classifiers.decider import decider
        from equipoise.describing import Decides

        last = decider(self.pipeline)
        return self.threshold is None and isinstance(last, Decides) and last.decision_rule().capacity is not None

    def count_alarms(self, parts: Iterable["pd.DataFrame"], table: Path) -> None:
        """Decide for all rows of a file at once."""
        import numpy as np

        from equipoise.classifiers.decider import decider

        proba = [self._probabilities(rows, table) for rows in parts]
        self.n_scored = 0
        if proba:
            rule = decider(self.pipeline).decision_rule()
            self.decided = rule.decide(np.concatenate(proba))
            if said := rule.strange_batch(len(self.decided)):
                self.notes.append(said)

    def _probabilities(self, rows: "pd.DataFrame", table: Path) -> "NDArray[Any]":
        """Return the probabilities of rows, and count the rows."""
        if not self.names:
            self._look_at(rows, table)
        try:
            proba = self.pipeline.predict_proba(self._known(rows))
        except ValueError as error:
            if not self.n_scored:
                raise
            raise ValueError(f"{error} Rows are counted from row {self.n_scored:,} of {table}.") from None
        self.n_scored += len(rows)
        return proba

    def _known(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        from equipoise.tables.text_cells import without_marks

        wanted, named = self._features(rows), (self.about.get("reading") or {}).get("missing_values")
        known = rows.reindex(columns=wanted) if wanted else rows
        return without_marks(known, named) if named else known

    def score(self, rows: "pd.DataFrame", table: Path) -> "pd.DataFrame":
        """Return the rows, predictions and probabilities beside them."""
        proba, features = self._probabilities(rows, table), self._known(rows)
        preprocessor = self.pipeline[0] if hasattr(self.pipeline, "steps") else None
        if preprocessor is not None and hasattr(preprocessor, "unseen_levels"):
            for name, counts in preprocessor.unseen_levels(features).items():
                self.unseen.setdefault(name, Counter()).update(counts)
            self.clipped.update(preprocessor.clipped_cells(features))
        classes, positive = self.pipeline.classes_, self._positive()
        if self.decided is not None:
            predicted = classes[self.decided[self.n_scored - len(rows) : self.n_scored]]
        elif self.threshold is None:
            predicted = labels_from(self.pipeline, proba, features)
        else:
            predicted = classes[(positive, 1 - positive),][(proba[:, positive] < self.threshold).astype(int)]
        found = {"prediction": predicted}
        found |= {f"probability_{label}": column for label, column in zip(classes, proba.T, strict=True)}
        beside = rows[self.kept] if self.kept else rows
        return beside.assign(**{self.names[name]: column for name, column in found.items()})

    def style_of(self, table: Path) -> tuple[str, str]:
        """Return what separates the cells of a table, and its decimal mark, for a csv file of its rows."""
        from equipoise.tables.reading import TEXT, delimiter_of

        if not (table.is_file() and table.suffix.lower() in (*TEXT, ".gz", ".zip")):
            return ",", "."
        reading = self.about.get("reading") or {}
        preprocessor = self.pipeline[0] if hasattr(self.pipeline, "steps") else None
        kinds, formats = (getattr(preprocessor, name, {}) for name in ("kinds_", "formats_"))
        commas = any(kinds[name] == "number" and written[-2:-1] == "," for name, written in formats.items())
        known = {name: reading[name] for name in ("header", "delimiter", "encoding") if name in reading}
        return delimiter_of(table, **known), "," if commas else "."

    def notes_on_cells(self) -> list[str]:
        """Say which categories no training row had, and which numbers lie far off, once all parts are scored."""
        clipped = [
            f"Column {name!r}: {n:,} of {self.n_scored:,} numbers lie far from those of the training rows, and count "
            "as the farthest that the model takes. Is the unit the same, such as 12 % and 0.12?"
            for name, n in self.clipped.items()
            if n > _MANY_CLIPPED * self.n_scored
        ]
        return clipped + [
            f"Column {name!r} holds categories that no training row has: "
            f"{listed((f'{level!r} ({count:,})' for level, count in counts.most_common()), most=8)}. They count as a "
            "rare category, or as none."
            for name, counts in self.unseen.items()
        ]

    def _features(self, rows: "pd.DataFrame") -> list[str]:
        known = getattr(self.pipeline, "feature_names_in_", None)
        return [name for name in rows.columns if name != self.about.get("target")] if known is None else list(known)

    def _look_at(self, rows: "pd.DataFrame", table: Path) -> None:
        check_threshold(self.threshold, self.pipeline.classes_)
        if absent := [name for name in self.kept if name not in rows.columns]:
            raise ValueError(f"{table} has no column {listed(map(repr, absent))} to keep.")
        if self.threshold is not None and self.about.get("aim"):
            self.notes.append(f"--threshold takes the place of the model's own decision: {self.about['aim']}.")
        wanted = self._features(rows)
        unused = getattr(self.pipeline[0], "dropped_", {}) if hasattr(self.pipeline, "steps") else {}
        lacking = [name for name in wanted if name not in rows.columns and name not in unused]
        if lacking and not self.allow_missing:
            spare = [name for name in rows.columns if name not in wanted]
            named = [
                f"{name!r}"
                + (f" (is it {listed(map(repr, near[:2]), 'or')}?)" if (near := near_names(name, spare)) else "")
                for name in lacking
            ]
            raise ValueError(
                f"{table} lacks columns that the model uses: {listed(named)}. Rename or add them, or use "
                "--allow-missing, at the cost of quality."
            )
        if lacking:
            are = f"Column {lacking[0]!r} is" if len(lacking) == 1 else f"Columns {listed(map(repr, lacking))} are"
            self.notes.append(f"{are} missing: predictions are worse than measured.")
        told = [*self.about.get("id", ()), *self.about.get("left_out", ()), *self.about.get("roles", {}).values()]
        known = {*wanted, *told, self.about.get("target"), *self.kept}
        if extra := [name for name in rows.columns if name not in known]:
            self.notes.append(
                f"Columns that the model does not know are not used: {listed(map(repr, extra), most=10)}."
            )
        made = ["prediction", *(f"probability_{label}" for label in self.pipeline.classes_)]
        self.names = free_names(made, self.kept or list(rows.columns))
        if renamed := [name for name in made if self.names[name] != name and name in rows.columns]:
            self.notes.append(
                f"{table} has columns {listed(map(repr, renamed))} of its own, which are kept; the columns of the "
                f"model are {listed(repr(self.names[name]) for name in renamed)}."
            )


def check_threshold(threshold: float | None, classes: "NDArray[Any]") -> None:
    """Refuse a threshold for more classes than two."""
    if threshold is not None and len(classes) != 2:
        raise ValueError(f"--threshold is for two classes, but the model has {len(classes)}.")


def positive_class(classes: "NDArray[Any]", about: dict[str, Any]) -> int:
    """Return the position of the positive class of a model; without one, of the class with the fewest rows."""
    labels, counts = list(map(str, classes.tolist())), about.get("class_counts") or {}
    if about.get("positive") in labels:
        return labels.index(about["positive"])
    return min(range(len(labels)), key=lambda i: counts.get(labels[i], 0))


def labels_from(model: Any, proba: "NDArray[Any]", rows: "pd.DataFrame") -> "NDArray[Any]":
    """Return what a model predicts, from its probabilities where they tell: they take as long as a prediction."""
    from equipoise.classifiers.base import NetworkClassifier
    from equipoise.classifiers.decider import decider
    from equipoise.describing import Decides
    from equipoise.rules import Rule

    last: Any = decider(model)
    rule = last.decision_rule() if isinstance(last, Decides) else Rule()
    if rule.positive is not None or not isinstance(last, (Decides, NetworkClassifier)):
        return model.predict(rows)
    return model.classes_[rule.decide(proba)]


def free_names(names: list[str], taken: list[str]) -> dict[str, str]:
    """Return a name for each column of the model, all with one suffix where the table has one of the names."""
    suffix, number = "", 0
    while set(taken) & {name + suffix for name in names}:
        number += 1
        suffix = "_model" if number == 1 else f"_model{number}"
    return {name: name + suffix for name in names}
