"""One line on each metric and figure, for readers who meet it first in a report."""

DEFINITIONS = {
    "g_mean": "geometric mean of the classes' recalls; 0 when a class is never found",
    "macro_f1": "plain mean of the classes' F1, each 2 TP / (2 TP + FP + FN)",
    "balanced_accuracy": "plain mean of the classes' recalls",
    "matthews_corrcoef": "correlation of true and decided class, from −1 to 1; 0 is guessing",
    "average_precision": "area under the precision–recall curve: of the rare class for two classes, else the "
    "mean over classes; its share of the rows is guessing",
    "roc_auc": "chance that a row of the class is ranked above one of another; of more than two classes, the mean",
    "balanced_brier": "mean over classes of the squared error of the probabilities on that class's rows, halved",
    "brier": "mean over rows of the squared error of the probabilities, halved",
    "log_loss": "mean over rows of −log of the probability given to the true class, in nats",
    "calibration_error": "mean gap between confidence and accuracy, over 15 bins of confidence",
}

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
