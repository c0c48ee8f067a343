"""What a comparison found, as one self-contained HTML page and as a table."""

from equipoise.reports.page import leaderboard_csv, write_report

__all__ = ["leaderboard_csv", "write_report"]
