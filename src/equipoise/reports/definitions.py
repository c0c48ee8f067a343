"""One line on each figure of synthetic rows, for readers who meet it first in a report."""

MADE_ROWS = {
    "n_made": ("rows made", "rows made for a network"),
    "real_accuracy": ("discriminator on real rows", "share of the real rows that the discriminator takes for real"),
    "made_accuracy": ("discriminator on made rows", "share of the made rows that the discriminator takes for made"),
    "two_sample_accuracy": (
        "two-sample accuracy",
        "share of rows, made and as many real ones, whose nearest other row is of their own kind",
    ),
    "spread_ratio": ("spread ratio", "mean deviation of the made rows' features over that of the real rows'"),
    "out_of_range": ("out of range", "share of the made values outside the range of the real ones of the class"),
}
"""Figures of the rows that a GAN made: heading and definition."""
