"""``equipoise check``: what in a table would make a model, or its figures, wrong."""

import json as js
from pathlib import Path

from equipoise.cli.options import AS_FOUND, AS_IN_A_FILE, Columns, Reading
from equipoise.cli.output import announce, say
from equipoise.cli.task import load_task
from equipoise.files import check_input, check_output, replacing


def check(
    table: Path,
    /,
    *,
    target: str,
    json: Path | None = None,
    reading: Reading = AS_IN_A_FILE,
    columns: Columns = AS_FOUND,
) -> None:
    """Look for what would make a model of a table, or its figures, wrong; `compare` and `fit` begin with it.

    Parameters
    ----------
    table
        csv, tsv, parquet, feather, xlsx or arff file.
    target
        Column of the classes: its name, its position from 1, or -1 for the last.
    json
        File for the findings as records.
    """
    check_input(table)
    if json is not None:
        check_output(json)
        if json.exists() and not json.read_text(encoding="utf-8", errors="replace").lstrip().startswith("["):
            raise FileExistsError(f"{json} exists and holds no findings: name another file (--json) or remove it.")
    data = load_task(table, target, reading, columns)
    announce(data)
    if not data.findings:
        say("  Nothing was found.")
    if json is not None:
        with replacing(json) as draft:
            records = [finding.as_dict() for finding in data.findings]
            draft.write_text(js.dumps(records, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        say(f"Findings: {json}")
