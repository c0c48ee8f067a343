"""``equipoise datasets``: the named data sets."""

from rich.console import Console
from rich.table import Table

from equipoise.cli.output import announce


def list_datasets() -> None:
    """List the named data sets and whether they are in the data home."""
    from equipoise import datasets

    table = Table(title=f"Data home: {datasets.data_home()}")
    entries = datasets.catalogue()
    for column in entries.columns:
        table.add_column(str(column))
    for row in entries.itertuples(index=False):
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row))
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
