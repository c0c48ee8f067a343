"""``equipoise check``: what in a table would make a model, or its figures, wrong."""

import json as js
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.cli.images import AS_THEY_ARE, Pictures, check_table_source, load_images
from equipoise.cli.options import AS_FOUND, AS_IN_A_FILE, Columns, Reading
from equipoise.cli.output import announce, say
from equipoise.cli.task import load_task
from equipoise.files import check_input, check_output, replacing
from equipoise.images.kinds import is_images

if TYPE_CHECKING:
    from equipoise.datasets import Dataset
    from equipoise.tables.finding import Finding


def check(
    table: Path,
    /,
    *,
    target: str | None = None,
    against: Path | None = None,
    json: Path | None = None,
    reading: Reading = AS_IN_A_FILE,
    columns: Columns = AS_FOUND,
    pictures: Pictures = AS_THEY_ARE,
) -> None:
    """Look for what would make a model of a table, or its figures, wrong; `compare` and `fit` begin with it.

    Parameters
    ----------
    table
        csv, tsv, parquet, feather, xlsx or arff file, a folder of csv or parquet files, or images, as of `compare`.
    target
        Column of the classes: its name, its position from 1, or -1 for the last.
    against
        File of other rows, held out or to be scored: rows of both tables, columns that it lacks, unseen categories.
    json
        File for the findings as records.
    """
    as_images = is_images(table)
    if not as_images:
        check_table_source(table, target, pictures)
    if against is not None:
        if as_images:
            raise ValueError(f"--against compares tables, but {table} holds images: remove it.")
        check_input(against)
    if json is not None:
        check_output(json)
        if json.exists() and not _holds_findings(json):
            raise FileExistsError(f"{json} exists and holds no findings: name another file (--json) or remove it.")
    if as_images:
        data = load_images(table, target, reading, columns, pictures).data
    else:
        data = load_task(table, target or "", reading, columns)
    apart = [] if against is None else _against(table, against, data, reading)
    data = replace(data, findings=(*apart, *data.findings))
    announce(data)
    if against is not None and not apart:
        say(f"  {against}: no column is lacking, no row is in both tables, and no category is new.")
    if not data.findings:
        say("  Nothing was found.")
    if json is not None:
        with replacing(json) as draft:
            records = [finding.as_dict() for finding in data.findings]
            draft.write_text(js.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        say(f"Findings: {json}")


def _against(table: Path, other: Path, data: "Dataset", reading: Reading) -> "list[Finding]":
    """Check the rows of another file against those of the table, both as they are written."""
    from equipoise.tables.check_against import check_against

    target = str(data.y.name)
    rows = reading.table(table, target, as_text=True)
    kinds = data.table_preprocessor().kinds or {}
    categories = [name for name, kind in kinds.items() if kind in ("category", "boolean")]
    learned = rows.loc[rows[target].notna(), list(data.X.columns)]
    return check_against(learned, reading.table(other, target, as_text=True), categories)


def _holds_findings(path: Path) -> bool:
    try:
        records = js.loads(path.read_text(encoding="utf-8"))
        return isinstance(records, list) and all(record.keys() >= {"severity", "kind"} for record in records)
    except (ValueError, AttributeError):
        return False
