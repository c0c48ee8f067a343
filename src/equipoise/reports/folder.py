"""What a comparison writes: report, data, summary, explorer and leaderboard, in one folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equipoise.experiments import Comparison
from equipoise.reports.data import write_data, write_summary
from equipoise.reports.explorer import write_explorer
from equipoise.reports.page import (
    DATA,
    EXPLORER,
    LEADERBOARD,
    REPORT,
    SUMMARY,
    leaderboard_csv,
    write_report,
)
from equipoise.reports.pictures import Pictures
from equipoise.reports.why import Groups

if TYPE_CHECKING:
    import pandas as pd


def write_folder(
    comparison: Comparison,
    folder: Path,
    *,
    command: str,
    typed: bool = True,
    reviewed: "pd.DataFrame | None" = None,
    pictures: Pictures | None = None,
    reading: Mapping[str, Any] | None = None,
    groups: Groups | None = None,
    show_values: bool = False,
) -> None:
    """Write the files of a comparison; those of an earlier one are replaced.

    The folder must exist. ``typed`` is whether the command is one of the command line, which the explorer completes;
    the rest is as in `write_report`.
    """
    write_report(
        comparison,
        folder / REPORT,
        command=command,
        reviewed=reviewed,
        pictures=pictures,
        reading=reading,
        groups=groups,
        show_values=show_values,
        explorer=True,
    )
    write_data(comparison, folder / DATA, command=command, groups=groups, show_values=show_values)
    write_summary(comparison, folder / SUMMARY, command=command)
    write_explorer(comparison, folder / EXPLORER, command=command if typed else "")
    leaderboard_csv(comparison, folder / LEADERBOARD)
