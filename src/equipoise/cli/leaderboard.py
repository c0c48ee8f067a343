"""The leaderboard of a comparison in a terminal."""

from rich.console import Console
from rich.table import Table

from equipoise.experiments import METRICS, Comparison
from equipoise.text import number

_SHOWN = ("g_mean", "macro_f1", "average_precision", "balanced_brier")  # fits a terminal; the report shows all


def print_leaderboard(console: Console, comparison: Comparison) -> None:
    """Print a row a recipe, best first."""
    board, chosen = comparison.leaderboard, METRICS[comparison.metric]
    names = list(dict.fromkeys((chosen.name, *_SHOWN)))
    table = Table(
        title=f"Best first by {chosen.title}", box=None, padding=(0, 1, 0, 0), pad_edge=False
    )  # fits 80 columns
    table.add_column("recipe", no_wrap=True)
    readings = {"prior corrected": f"prior_{chosen.name}", "threshold tuned": f"tuned_{chosen.name}"}
    readings = {title: column for title, column in readings.items() if column in board}
    for title in (chosen.title, *readings, *(METRICS[name].title for name in names[1:]), "seconds a fit"):
        table.add_column(title.replace(" ", "\n", 1), justify="right", overflow="fold")
    for row in board.to_dict("records"):
        equal = row["difference_low"] <= 0 <= row["difference_high"]
        table.add_row(
            row["recipe"] + (" =" if equal else ""),
            *(number(row[column]) for column in (names[0], *readings.values(), *names[1:])),
            f"{row['seconds']:.1f}",
        )
    console.print(table)
    console.print(
        "=  not significantly different from the best (95% interval of the paired difference)", highlight=False
    )
    if readings:
        console.print(f"{', '.join(readings)}: {chosen.title} of the same models in another reading", highlight=False)
