"""MUBO's three ways to search: as printed, as its authors' code runs, and as is sound."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor, nn
from torch.nn import functional

from equipoise.bilevel.acceptance import BelowPastMeans, NotAbove
from equipoise.bilevel.objectives import BalancedHeldOut, MajorityShare
from equipoise.bilevel.proposals import MicroSampleSize, RandomRows, RowsByLoss, SizeByAcceptances
from equipoise.bilevel.row_search import RowSearch
from equipoise.networks import ScalarHead, factored_perceptron
from equipoise.training import Settings

Network = tuple[int, ...] | Callable[[tuple[int, ...], int], nn.Module]


class DoubleSoftmaxLoss(nn.Module):
    """Cross-entropy of probabilities taken for logits, as in the authors' code.

    The softmax is applied twice, so the loss of a row lies in log(1 + 1/e) to log(1 + e) for two classes and its
    gradient fades.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reduction = "mean"

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss of logits (N, K) and class codes (N,)."""
        return functional.cross_entropy(logits.softmax(dim=-1), target, reduction=self.reduction)


@dataclass(frozen=True)
class Variant:
    """What a variant fixes beside the search itself."""

    search: RowSearch
    # ``(hidden_layer_sizes, n_classes) ->`` what `Settings.network` takes
    network: Callable[[tuple[int, ...], int], Network] = lambda hidden, _: hidden
    bootstrap: bool = False  # rare rows drawn with replacement
    holds_out: bool = False  # whether the objective wants rows that do not train before the search has ended
    standardize: bool = True
    returns_best: bool = True  # whether the network is that of the last accepted step; else that of the last step


def _printed_network(hidden: tuple[int, ...], n_classes: int) -> Network:
    """One output for two classes, by Definition 1; the paper has no more."""
    return hidden if n_classes > 2 else lambda shape, _: ScalarHead(shape[0], hidden)


_INNER = Settings(
    batch_size=32,
    learning_rate=1e-4,
    weight_decay=0.0,
    optimizer="adam",
    schedule="constant",
    gradient_tolerance=1e-3,
    keep_optimizer=True,
)

_PRINTED = RowSearch(
    _INNER,
    max_epochs=2000,
    evaluation_epochs=5,
    proposal=RandomRows(replacement=True),
    objective=MajorityShare(),
    acceptance=NotAbove(start=10.0),
)

VARIANTS = {
    "paper": Variant(_PRINTED, _printed_network),
    "authors": Variant(
        replace(
            _PRINTED,
            settings=replace(_INNER, loss=DoubleSoftmaxLoss(), gradient_rows=32),
            evaluation_epochs=1,
            acceptance=BelowPastMeans(),
            size=SizeByAcceptances(),
            restore=False,
            burn_in=(0.15, 0.07),
        ),
        lambda hidden, _: lambda shape, k: factored_perceptron(shape[0], hidden, k),
        bootstrap=True,
        standardize=False,
        returns_best=False,
    ),
    "default": Variant(
        RowSearch(
            replace(_INNER, learning_rate=1e-3, batch_size=64),
            max_epochs=10,
            evaluation_epochs=5,
            proposal=RowsByLoss(n_candidates=3),
            objective=BalancedHeldOut(),
            acceptance=NotAbove(),
            size=MicroSampleSize(first=0.5),
            n_iter_no_change=20,
            balanced=True,
        ),
        holds_out=True,
    ),
}
"""Modes by name. Where the paper is silent (steps, tolerance, epochs), its authors' code gives the value."""
