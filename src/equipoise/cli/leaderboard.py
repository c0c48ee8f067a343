"""The leaderboard of a comparison in a terminal."""

from rich.console import Console
from rich.table import Table

from equipoise.experiments import METRICS, Comparison
from equipoise.reports.at_best import at_its_best, own
from equipoise.reports.verdict import verdict
from equipoise.text import number

_SHOWN = ("average_precision", "balanced_brier")  # fits 80 columns; the report shows all


def print_leaderboard(console: Console, comparison: Comparison) -> None:
    """Print a row a recipe, best first, and the verdict."""
    board, chosen = comparison.leaderboard, METRICS[comparison.metric]
    others = [name for name in _SHOWN if name != chosen.name]
    table = Table(title=f"Best first by {chosen.title}", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("recipe", no_wrap=True)
    titles = ("at its best", own(comparison), *(METRICS[name].title for name in others), "seconds a fit", "per 10,000")
    for title in titles:
        table.add_column(title.replace(" ", "\n", 1), justify="right", overflow="fold")
    near = comparison.near_best
    for row in board.to_dict("records"):
        table.add_row(
            row["recipe"] + (" =" if row["recipe"] in near else ""),
            *(number(row[column]) for column in (comparison.chosen, chosen.name, *others)),
            *(f"{row[column]:.2f}" for column in ("seconds", "predicting")),
        )
    console.print(table)
    console.print(
        "=  not significantly different from the best (95% interval of the paired difference)", highlight=False
    )
    if meaning := at_its_best(comparison):
        console.print(meaning, highlight=False)
    said = verdict(comparison)
    sentences = " ".join(filter(None, (said.best, said.advice)))
    console.print(f"\n{sentences}", highlight=False, markup=False)
