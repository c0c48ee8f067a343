"""What the check before training finds."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any, Literal

from equipoise.text import counted, listed

Severity = Literal["serious", "caution", "note"]
SEVERITIES: tuple[Severity, ...] = ("serious", "caution", "note")

_SHOWN = 5  # of the findings of one kind
LEFT_OUT = ("identifier", "constant", "empty")
"""Kinds of findings whose columns no model is fitted on."""


def option(name: str, *values: str) -> str:
    """Write an option of the command line as it is to be typed.

    >>> option("--keep", "No."), option("--missing-values", "-999"), option("--drop", "-x")
    ("--keep 'No.'", '--missing-values -999', '--drop=-x')
    """
    if name != "--missing-values" and any(value.startswith("-") for value in values):
        return " ".join(f"{name}={_quoted(value)}" for value in values)
    return " ".join([name, *map(_quoted, values)])


def _quoted(value: str) -> str:
    """Quote a value for a shell, and one that ends with a mark for the eye: the sentence goes on behind it."""
    return shlex.quote(value) if value[-1:].isalnum() or shlex.quote(value) != value else f"'{value}'"


@dataclass(frozen=True)
class Finding:
    """Something in a table that would make a model, or its figures, wrong.

    Attributes
    ----------
    severity : {"serious", "caution", "note"}
    kind : str
        Name of what it is, such as ``"leak"`` or ``"identifier"``.
    columns : tuple of str
    evidence : str
        A sentence with numbers.
    remedy : str
        A sentence; empty where nothing is to be done.
    marks : tuple of str
        Texts in these columns, or classes, that may stand for missing cells.
    """

    severity: Severity
    kind: str
    columns: tuple[str, ...]
    evidence: str
    remedy: str
    marks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(filter(None, (self.evidence, self.remedy)))

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain values, cells of the table in sentences only."""
        return {name: value for name, value in asdict(self).items() if name != "marks"} | {
            "columns": list(self.columns)
        }


def drop_or_keep(*columns: str) -> str:
    """Say what to do about columns that give the target away."""
    known = "it is known" if len(columns) == 1 else "they make up the target, or are known"
    return (
        f"If {known} only with or after the outcome, use {option('--drop', *columns)}; otherwise "
        f"{option('--keep', *columns)}."
    )


def with_marks(findings: Sequence[Finding], given: Sequence[str] = ()) -> list[Finding]:
    r"""Return findings whose advice on missing values holds what was given for it before, and one that joins them.

    >>> age = Finding("caution", "sentinel", ("age",), "...", "If so, use --missing-values -999.", ("-999",))
    >>> job = Finding("note", "marks", ("job",), "...", "If so, use --missing-values '?'.", ("?",))
    >>> print(*(finding.remedy for finding in with_marks([age, job], ["."])), sep="\n")
    If so, use --missing-values '.' -999.
    If so, use --missing-values '.' '?'.
    If all do, use --missing-values '.' -999 '?'.
    """
    told = [
        replace(f, remedy=f.remedy.replace(missing_values(*f.marks), missing_values(*given, *f.marks)))
        if f.marks
        else f
        for f in findings
    ]
    if len(marked := [finding for finding in findings if finding.marks and finding.columns]) > 1:
        columns = tuple(dict.fromkeys(name for finding in marked for name in finding.columns))
        marks = dict.fromkeys([*given, *(mark for finding in marked for mark in finding.marks)])
        evidence = f"{counted(len(marked), 'column')} hold texts that may stand for missing values."
        told.append(Finding("note", "marks", columns, evidence, f"If all do, use {missing_values(*marks)}."))
    return told


def missing_values(*marks: str) -> str:
    """Write the option for texts that stand for missing cells."""
    return option("--missing-values", *marks)


def shortened(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings for reading: of more than six of one kind, the rest as one that names their columns."""
    shown: list[Finding] = []
    for (severity, kind), same in groupby(findings, key=lambda finding: (finding.severity, finding.kind)):
        own = list(same)
        shown += own[: _SHOWN if len(own) > _SHOWN + 1 else None]
        if len(own) > _SHOWN + 1:
            columns = tuple(dict.fromkeys(name for finding in own[_SHOWN:] for name in finding.columns))
            said = f"The same ({kind}) holds for {counted(len(columns), 'more column')}: "
            shown.append(Finding(severity, kind, columns, f"{said}{listed(map(repr, columns), most=20)}.", ""))
    return shown
