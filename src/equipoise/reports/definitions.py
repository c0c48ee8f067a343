"""One line on each metric, for readers who meet it first in a report."""

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
