"""``equipoise datasets``: the named data sets."""

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from equipoise.cli.output import announce


def list_datasets() -> None:
    """List the named data sets, and whether each loads without a download."""
    from pandas import isna

    from equipoise import datasets

    table = Table(title=f"Data home: {datasets.data_home()}", box=SIMPLE, padding=(0, 1, 0, 0))
    for column in ("name", "rows", "features", "classes", "rare share", "loads offline"):
        table.add_column(column, no_wrap=column == "name", justify="left" if column == "name" else "right")
    for row in datasets.catalogue().to_dict("records"):
        rare = "" if isna(row["rare_share"]) else f"{row['rare_share']:.1%}"
        classes = "" if isna(row["classes"]) else str(row["classes"])
        ready = "yes" if row["present"] else "no"
        table.add_row(row["name"], f"{row['rows']:,}", f"{row['features']:,}", classes, rare, ready)
    Console().print(table)


def fetch(name: str, /) -> None:
    """Download a data set into the data home and describe it.

    Parameters
    ----------
    name
        Name of the data set, as `equipoise datasets list` prints it.
    """
    from equipoise import datasets

    datasets.fetch(name)
    announce(datasets.load(name))
