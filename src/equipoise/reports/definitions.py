"""Headings and definitions of the diagnostics of synthetic rows, as the report prints them."""

MADE_ROWS = {
    "n_made": ("synthetic rows", "number of synthetic rows for one network"),
    "real_accuracy": ("discriminator on real rows", "share of real rows classified as real by the discriminator"),
    "made_accuracy": (
        "discriminator on synthetic rows",
        "share of synthetic rows classified as synthetic by the discriminator",
    ),
    "two_sample_accuracy": (
        "two-sample accuracy",
        "share of rows (synthetic and as many real ones) whose nearest neighbour is of the same kind",
    ),
    "spread_ratio": (
        "spread ratio",
        "mean standard deviation of the features of synthetic rows, divided by that of real rows",
    ),
    "out_of_range": ("out of range", "share of synthetic values outside the range of the class's real values"),
}
"""Diagnostics of a GAN's synthetic rows: heading and definition by name."""
