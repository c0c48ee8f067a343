"""Hypergradients: against automatic differentiation, dense inverses, and problems solved anew; double precision."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, hessian

from equipoise.bilevel.hypergradients import hypergradient, outer_gradient
from equipoise.bilevel.inner import Batch, InnerPoint, InnerProblem
from equipoise.bilevel.outer_objectives import OBJECTIVES
from equipoise.bilevel.parametric import mixed_derivative, row_losses
from equipoise.bilevel.solvers import ConjugateGradient, Exact, Identity, Neumann
from equipoise.bilevel.vectors import flat, unflat
from equipoise.losses import parametric_cross_entropy
from equipoise.networks import MLPStack

DAMPING = 0.3
K = 3
SOLVERS = {
    "neumann": Neumann(n_terms=150, damping=DAMPING),
    "cg": ConjugateGradient(max_iter=60, tol=1e-12, damping=DAMPING),
    "exact": Exact(damping=DAMPING),
}
each_solver = pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)


def linear(theta, alpha, batch):
    return batch.x @ theta["weight"] + theta["bias"]


def cross_entropies(theta, batch):
    return parametric_cross_entropy(linear(theta, None, batch), batch.target, reduction="none")


LINEAR = InnerProblem(linear, row_losses, mixed_derivative)


@pytest.fixture
def draw():
    return torch.Generator().manual_seed(0)


def randn(draw, *shape):
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


def some_rows(draw, n, soft=False, n_groups=None, lead=()):
    target = torch.randint(K, (*lead, n), generator=draw)
    group = None if n_groups is None else torch.randint(n_groups, (*lead, n), generator=draw)
    return Batch(randn(draw, *lead, n, 4), randn(draw, *lead, n, K).softmax(-1) if soft else target, group)


def some_alpha(draw, *shape):
    w, offset, delta = randn(draw, 3, *shape)
    return {"w": w.exp(), "offset": offset, "delta": delta.sigmoid() + 0.3}


@pytest.fixture
def theta(draw):
    return {"weight": randn(draw, 4, K), "bias": randn(draw, K)}


@pytest.fixture
def like_theta(draw, theta):
    return randn(draw, *flat(theta).shape)


def close(found, expected, tol=1e-6):
    assert found.keys() == expected.keys()
    for name in found:
        torch.testing.assert_close(found[name], expected[name], rtol=tol, atol=tol)


# The mixed derivative


@pytest.mark.parametrize("soft", [False, True], ids=["indices", "probabilities"])
@pytest.mark.parametrize("n_groups", [None, 2], ids=["classes", "groups"])
@pytest.mark.parametrize("lead", [(), (5,)], ids=["alone", "replicas"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_the_closed_form_is_the_derivative(weighted, soft, n_groups, lead, draw):
    batch = some_rows(draw, 30, soft, n_groups, lead)
    batch = batch._replace(weight=torch.rand(*lead, 30, generator=draw)) if weighted else batch
    alpha = some_alpha(draw, *lead, K, *([n_groups] if n_groups else []))
    z, dz = randn(draw, 2, *lead, 30, K)

    def slope(alpha):
        return (grad(lambda z: row_losses(z, alpha, batch).sum())(z) * dz).sum()

    found = mixed_derivative(z, dz, alpha, batch)
    close(found, grad(slope)(alpha), tol=1e-12)
    torch.testing.assert_close(
        found["offset"].sum(-1 - bool(n_groups)), torch.zeros_like(found["offset"].sum(-1 - bool(n_groups)))
    )


def test_without_a_closed_form_it_is_the_same(draw, theta, like_theta):
    alpha, batches = some_alpha(draw, K), [some_rows(draw, 20)]
    closed, derived = (
        InnerPoint(problem, theta, alpha, batches).mixed_product(like_theta)
        for problem in (LINEAR, InnerProblem(linear, row_losses))
    )
    close(closed, derived, tol=1e-12)


def test_outer_parameters_may_act_on_the_inputs(draw, theta, like_theta):
    """A noise of each feature's own size: nothing of it is known to the loss."""
    batch, noise = some_rows(draw, 20), randn(draw, 20, 4)

    def noisy(theta, alpha, batch):
        return linear(theta, None, batch._replace(x=batch.x + alpha["scale"] * noise))

    problem = InnerProblem(noisy, lambda z, alpha, batch: parametric_cross_entropy(z, batch.target, reduction="none"))
    alpha = {"scale": randn(draw, 4)}
    found = InnerPoint(problem, theta, alpha, [batch]).mixed_product(like_theta)["scale"]

    def slope(scale):
        loss = lambda theta: problem.losses(noisy(theta, {"scale": scale}, batch), None, batch).mean()  # noqa: E731
        slopes = grad(loss)(theta)
        return flat(slopes) @ like_theta

    close({"scale": found}, {"scale": grad(slope)(alpha["scale"])}, tol=1e-12)


# Curvature


def dense_hessian(theta, alpha, batch):
    def loss(values):
        return row_losses(linear(unflat(values, theta), None, batch), alpha, batch).mean()

    return hessian(loss)(flat(theta))


def test_products_are_those_of_the_dense_hessian(draw, theta, like_theta):
    """For a linear model Gauss-Newton leaves nothing out."""
    alpha, batch = some_alpha(draw, K), some_rows(draw, 25)
    point, H = InnerPoint(LINEAR, theta, alpha, [batch]), dense_hessian(theta, alpha, batch)
    for product in (point.hessian_product, point.gauss_newton_product):
        torch.testing.assert_close(product(like_theta), H @ like_theta, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(point.gauss_newton_matrix(), H, rtol=1e-12, atol=1e-12)


def test_gauss_newton_is_never_negative_where_the_hessian_is(draw):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, K)).double()
    theta = {name: 2 * p.detach() for name, p in network.named_parameters()}
    problem = InnerProblem(lambda theta, _, batch: functional_call(network, theta, (batch.x,)), row_losses)
    point = InnerPoint(problem, theta, some_alpha(draw, K), [some_rows(draw, 25)])

    def curvatures(product):
        basis = torch.eye(flat(theta).shape[0], dtype=torch.float64)
        return torch.linalg.eigvalsh(torch.stack([product(e) for e in basis]))

    assert curvatures(point.hessian_product).min() < -1e-3
    assert curvatures(point.gauss_newton_product).min() > -1e-12
    torch.testing.assert_close(
        torch.linalg.eigvalsh(point.gauss_newton_matrix()).max(), curvatures(point.gauss_newton_product).max()
    )


# Solvers


@each_solver
def test_a_solver_finds_the_exact_inverse(solver, draw, theta, like_theta):
    alpha, batch = some_alpha(draw, K), some_rows(draw, 40)
    p, residual, _ = solver.solve(InnerPoint(LINEAR, theta, alpha, [batch]), like_theta)
    H = dense_hessian(theta, alpha, batch)
    expected = torch.linalg.solve(H + DAMPING * torch.eye(len(H), dtype=torch.float64), like_theta)
    torch.testing.assert_close(p, expected, rtol=1e-6, atol=1e-6)
    assert residual < 1e-6


@pytest.mark.parametrize(
    "solver", [Neumann(n_terms=7, damping=DAMPING), ConjugateGradient(max_iter=4, damping=DAMPING), SOLVERS["exact"]]
)
def test_the_residual_told_is_that_of_the_answer(solver, draw, theta, like_theta):
    alpha, batch = some_alpha(draw, K), some_rows(draw, 40)
    p, residual, _ = solver.solve(InnerPoint(LINEAR, theta, alpha, [batch]), like_theta)
    left = dense_hessian(theta, alpha, batch) @ p + DAMPING * p - like_theta
    torch.testing.assert_close(residual, left.norm() / like_theta.norm(), rtol=1e-6, atol=1e-9)


def test_identity_is_a_step_and_knows_no_residual(draw, theta, like_theta):
    point = InnerPoint(LINEAR, theta, some_alpha(draw, K), [some_rows(draw, 9)])
    p, residual, n_products = Identity(step=0.3).solve(point, like_theta)
    torch.testing.assert_close(p, 0.3 * like_theta)
    assert residual.isnan() and n_products == 0


def test_neumann_refuses_to_diverge(draw, theta, like_theta):
    alpha, batch = some_alpha(draw, K), some_rows(draw, 40)
    largest = torch.linalg.eigvalsh(dense_hessian(theta, alpha, batch)).max().item()
    point = InnerPoint(LINEAR, theta, alpha, [batch])
    with pytest.raises(ValueError, match=r"diverges unless .* but step=.* and that curvature is about"):
        Neumann(step=2.05 / largest, n_power=100).solve(point, like_theta)
    assert Neumann(step=1.95 / largest, n_power=100).solve(point, like_theta).residual < 1


def test_neumann_goes_no_further_along_negative_curvature():
    """A saddle: the second weight's curvature is -1."""
    problem = InnerProblem(
        lambda theta, alpha, batch: theta["at"].unsqueeze(0), lambda z, alpha, batch: (z[:, 0] ** 2 - z[:, 1] ** 2) / 2
    )
    v = torch.tensor([1.0, 1.0])
    point = InnerPoint(problem, {"at": torch.tensor([0.3, 0.2])}, {}, [Batch(None, torch.zeros(1))])
    few, many = (Neumann(n_terms=n).solve(point, v) for n in (3, 300))
    assert torch.equal(few.p, many.p)
    assert many.residual < 3


def test_a_dense_solve_of_too_many_weights_is_refused():
    theta = {"at": torch.zeros(5001)}
    with pytest.raises(ValueError, match="solves for 5000 weights at most, but there are 5001: use 'cg'"):
        Exact().solve(InnerPoint(LINEAR, theta, {}, []), theta["at"])


@pytest.mark.parametrize("solver", [Identity(), Neumann(), ConjugateGradient(), Exact()])
def test_replicas_do_not_feel_each_other(solver, draw):
    stack = MLPStack((4, K), n_replicas=3, dtype=torch.float64)
    theta = {
        name: randn(draw, *p.shape) * torch.tensor([0.1, 1.0, 3.0]).view(3, 1, 1)
        for name, p in stack.named_parameters()
    }
    v = randn(draw, *flat(theta, 1).shape)
    alpha, batches = some_alpha(draw, 3, K), [some_rows(draw, n, lead=(3,)) for n in (12, 7)]
    problem = InnerProblem(
        lambda theta, _, batch: functional_call(stack, theta, (batch.x,)), row_losses, mixed_derivative
    )
    together = hypergradient(problem, theta, alpha, batches, v, solver, lead=1)
    for r in range(3):
        one, its = ({name: value[r : r + 1] for name, value in values.items()} for values in (theta, alpha))
        own = [Batch(batch.x[r : r + 1], batch.target[r : r + 1]) for batch in batches]
        alone = hypergradient(problem, one, its, own, v[r : r + 1], solver, lead=1)
        close({name: value[r : r + 1] for name, value in together.alpha.items()}, alone.alpha, tol=1e-8)


# The whole


def solved(alpha, batch, theta):
    """Newton's method on the ridge problem, from any weights to the last digit."""
    values = flat(theta)

    def loss(values):
        at = unflat(values, theta)
        return row_losses(linear(at, None, batch), alpha, batch).mean() + DAMPING / 2 * (values**2).sum()

    while (slope := grad(loss)(values)).norm() > 1e-12:
        values = values - torch.linalg.solve(hessian(loss)(values), slope)
    return unflat(values, theta)


@each_solver
@pytest.mark.parametrize("n_groups", [None, 2], ids=["classes", "groups"])
def test_the_hypergradient_is_the_slope_of_the_problem_solved_anew(solver, n_groups, draw, theta):
    alpha = some_alpha(draw, K, *([n_groups] if n_groups else []))
    rows, held_out = some_rows(draw, 40, n_groups=n_groups), some_rows(draw, 30, n_groups=n_groups)
    objective = OBJECTIVES["group_balanced" if n_groups else "balanced"]
    shape = K, n_groups or 1

    theta = solved(alpha, rows, {name: 0 * value for name, value in theta.items()})

    def outer(alpha):
        return outer_gradient(cross_entropies, objective, solved(alpha, rows, theta), [held_out], shape)

    found = hypergradient(LINEAR, theta, alpha, [rows], outer(alpha)[0], solver).alpha
    for name, slopes in found.items():
        for place in range(slopes.numel()):
            sides = []
            for sign in (1, -1):
                moved = {key: value.clone() for key, value in alpha.items()}
                moved[name].view(-1)[place] += sign * 1e-4
                sides.append(outer(moved)[1])
            expected = (sides[0] - sides[1]) / 2e-4
            torch.testing.assert_close(slopes.reshape(-1)[place], expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_batches_add_up_to_the_rows(name, draw, theta):
    """Of any sizes, and with classes and groups that some of them lack."""
    alpha = some_alpha(draw, K, 2)
    rows, held_out = some_rows(draw, 40, n_groups=2), some_rows(draw, 40, n_groups=2)
    order = held_out.target.argsort()
    held_out = Batch(*(part[order] for part in held_out[:3]))

    def cut(batch, *sizes):
        return [Batch(*parts) for parts in zip(*(part.split(sizes) for part in batch[:3]))]

    found = []
    for train, validation in [([rows], [held_out]), (cut(rows, 1, 30, 9), cut(held_out, 12, 25, 3))]:
        v, value = outer_gradient(cross_entropies, OBJECTIVES[name], theta, validation, (K, 2))
        solver = ConjugateGradient(max_iter=50, tol=1e-12)
        found.append({**hypergradient(LINEAR, theta, alpha, train, v, solver).alpha, "value": value})
    close(*found, tol=1e-8)


def test_the_outer_gradient_is_that_of_its_value(draw, theta):
    batches = [some_rows(draw, 20, n_groups=2), some_rows(draw, 8, n_groups=2)]
    for objective in OBJECTIVES.values():
        v, _ = outer_gradient(cross_entropies, objective, theta, batches, (K, 2))
        for name in theta:
            moved = []
            for sign in (1, -1):
                other = {key: value.clone() for key, value in theta.items()}
                other[name].view(-1)[0] += sign * 1e-6
                moved.append(outer_gradient(cross_entropies, objective, other, batches, (K, 2))[1])
            torch.testing.assert_close(
                unflat(v, theta)[name].view(-1)[0], (moved[0] - moved[1]) / 2e-6, rtol=1e-6, atol=1e-8
            )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_row_of_weight_three_counts_as_three_rows(name, draw, theta):
    rows = some_rows(draw, 30, n_groups=2)
    times = torch.arange(30) % 3 + 1
    repeated = Batch(*(part.repeat_interleave(times, dim=0) for part in rows[:3]))
    weighed = rows._replace(weight=times.to(torch.float64))
    found = [outer_gradient(cross_entropies, OBJECTIVES[name], theta, [batch], (K, 2)) for batch in (repeated, weighed)]
    torch.testing.assert_close(*found)
