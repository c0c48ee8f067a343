"""``equipoise check``: what in a table would make a model, or its figures, wrong."""

import json as js
from pathlib import Path

from equipoise.cli.images import AS_THEY_ARE, Pictures, load_images
from equipoise.cli.options import AS_FOUND, AS_IN_A_FILE, Columns, Reading
from equipoise.cli.output import announce, say
from equipoise.cli.task import load_task
from equipoise.files import check_input, check_output, replacing
from equipoise.images.kinds import is_images


def check(
    table: Path,
    /,
    *,
    target: str | None = None,
    json: Path | None = None,
    reading: Reading = AS_IN_A_FILE,
    columns: Columns = AS_FOUND,
    pictures: Pictures = AS_THEY_ARE,
) -> None:
    """Look for what would make a model of a table, or its figures, wrong; `compare` and `fit` begin with it.

    Parameters
    ----------
    table
        csv, tsv, parquet, feather, xlsx or arff file, or images, as of `compare`.
    target
        Column of the classes: its name, its position from 1, or -1 for the last.
    json
        File for the findings as records.
    """
    as_images = is_images(table)
    if not as_images:
        check_input(table)
        if target is None:
            raise ValueError(f"Name the column of {table} that holds the classes: --target NAME.")
    if json is not None:
        check_output(json)
        if json.exists() and not json.read_text(encoding="utf-8", errors="replace").lstrip().startswith("["):
            raise FileExistsError(f"{json} exists and holds no findings: name another file (--json) or remove it.")
    if as_images:
        data = load_images(table, target, columns.roles, pictures).data
    else:
        data = load_task(table, target or "", reading, columns)
    announce(data)
    if not data.findings:
        say("  Nothing was found.")
    if json is not None:
        with replacing(json) as draft:
            records = [finding.as_dict() for finding in data.findings]
            draft.write_text(js.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        say(f"Findings: {json}")
