"""Hypergradient of an outer objective by the parameters of the training loss."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from equipoise.bilevel.hypergradients import hypergradient, outer_gradient
from equipoise.bilevel.inner import Batch, InnerProblem
from equipoise.bilevel.loss_parameters import NAMES
from equipoise.bilevel.networks import head_parameters, predicting, summed_over, unwrapped
from equipoise.bilevel.outer_objectives import OuterObjective
from equipoise.bilevel.parametric import mixed_derivative, row_losses
from equipoise.bilevel.solvers import Exact, Solver
from equipoise.bilevel.vectors import Named
from equipoise.losses import parametric_cross_entropy
from equipoise.losses.reduction import check_classes


def loss_gradient(
    model: nn.Module,
    values: Named,
    train: Sequence[Batch],
    validation: Sequence[Batch],
    objective: OuterObjective,
    solver: Solver,
    lead: int,
    inputs: Callable[[Named, Batch, int], Batch] | None = None,
) -> tuple[Named, Tensor, Tensor]:
    """Differentiate an objective on validation rows by the parameters of a search, through the weights of a network.

    The model runs in evaluation mode and stays unchanged. ``values`` are w, offset and delta, (..., K), or (..., K, G)
    with groups, and what ``inputs``, the augmentation of the training batches, reads. Returns the derivative by each
    parameter, and the objective and the residual of the solver, one a replica.
    """
    *_, K, G = values["offset"].shape if validation[0].group is not None else (*values["offset"].shape, 1)
    bare, group = unwrapped(model)
    theta, summed = searched_weights(bare, solver), summed_over(group)
    with predicting(model) as logits:

        def plain_losses(theta: Named, batch: Batch) -> Tensor:
            z = logits(theta, batch.x)
            check_classes(values["offset"], z, "class_counts", grouped=batch.group is not None)
            return parametric_cross_entropy(z, batch.target, reduction="none")

        by_rows = tuple(name for name in values if name not in NAMES)
        problem = InnerProblem(
            lambda theta, _, batch: logits(theta, batch.x), row_losses, mixed_derivative, inputs, by_rows
        )
        v, value = outer_gradient(plain_losses, objective, theta, validation, (K, G), lead=lead, summed=summed)
        found = hypergradient(problem, theta, values, train, v, solver, lead=lead, summed=summed)
    return found.alpha, value, found.residual


def searched_weights(model: nn.Module, solver: Solver) -> Named:
    """Return the weights of the hypergradient: all trainable ones, or those of the last linear layer for `Exact`."""
    bare, _ = unwrapped(model)
    trained = {name: p.detach() for name, p in bare.named_parameters() if p.requires_grad}
    if not isinstance(solver, Exact):
        return trained
    return {name: trained[name] for name in head_parameters(bare) if name in trained}
