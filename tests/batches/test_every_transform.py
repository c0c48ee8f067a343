"""What all transforms promise: shapes, dtypes, replicas, chance, errors."""

import pickle
import re

import pytest
import torch
from sklearn.base import clone
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from equipoise import BatchSMOTE, MixUp, RebalancedMixup, ReMix
from equipoise.batches.batch_smote import with_neighbours
from equipoise.batches.mixture import Mixture, mix, mix_labels

MIXERS = [
    MixUp(alpha=0.3, num_classes=3),
    ReMix(alpha=0.3, num_classes=3),
    ReMix(num_classes=3, variant="authors"),
    RebalancedMixup(num_classes=3, class_counts=[900, 400, 30]),
]
TRANSFORMS = [
    *MIXERS,
    *(clone(mixer).set_params(per_row=True) for mixer in MIXERS),
    BatchSMOTE(num_classes=3),
]
each_mixer = pytest.mark.parametrize("transform", MIXERS, ids=repr)
each_transform = pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def with_seed(transform, seed, **parameters):
    return clone(transform).set_params(generator=seeded(seed), **parameters)


def batch(shape=(4,), seed=0):
    """16 rows, of which 9, 4 and 3 are of classes 0, 1 and 2."""
    return torch.randn(16, *shape, generator=seeded(seed)), torch.tensor(
        [0, 1, 0, 2, 0, 1, 0, 0, 2, 0, 1, 0, 0, 2, 1, 0]
    )


def drawn(transform, x, y, seed):
    """The mixture that a call of the same seed mixes by, and the shares of its labels."""
    mixture = transform.draw(y, seeded(seed))
    if transform.looks_at_features:
        mixture = with_neighbours(x, y, mixture)
    return mixture, mixture.share if mixture.label_share is None else mixture.label_share


def mixed_by_hand(values, mixture, shares):
    """Equation 1 of the MixUp paper, a row at a time."""
    rows = []
    for first, second, share in zip(mixture.first.tolist(), mixture.second.tolist(), shares.tolist()):
        rows.append(share * values[first].double() + (1 - share) * values[second].double())
    return torch.stack(rows)


@each_transform
@pytest.mark.parametrize("shape", [(4,), (1,), (3, 8, 8), (2, 5), ()])
def test_call_mixes_as_drawn(transform, shape):
    x, y = batch(shape=shape)
    mixture, label_share = drawn(transform, x, y, 7)
    mixed_x, mixed_y = with_seed(transform, 7)(x, y)
    by_hand = mixed_by_hand(x, mixture, mixture.share), mixed_by_hand(torch.eye(3)[y], mixture, label_share)
    torch.testing.assert_close(mixed_x.double(), by_hand[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(mixed_y.double(), by_hand[1], rtol=1e-5, atol=1e-6)
    assert mixed_x.shape == x.shape and mixed_x.dtype == x.dtype
    assert len(set(mixture.first.tolist()) | set(mixture.second.tolist())) > 1


@each_mixer
def test_one_share_a_batch_unless_per_row(transform):
    labels = batch()[1].expand(5, 16)
    one, many = transform.draw(labels, seeded(0)), clone(transform).set_params(per_row=True).draw(labels, seeded(0))
    assert (one.share == one.share[:, :1]).all()
    assert len(one.share[:, 0].unique()) == 5
    assert len(many.share.unique()) == 80


@each_transform
@pytest.mark.parametrize("seed", range(5))
def test_labels_stay_probabilities(transform, seed):
    _, y = with_seed(transform, seed)(*batch(seed=seed))
    assert y.dtype == torch.float32
    assert ((y >= 0) & (y <= 1)).all()
    torch.testing.assert_close(y.sum(dim=-1), torch.ones(16))


@each_transform
def test_hard_and_soft_labels_agree(transform):
    x, y = batch()
    for kind in (torch.int64, torch.int32, torch.uint8, torch.int16):
        hard, soft = (
            with_seed(transform, 3)(x, y.to(kind)),
            with_seed(transform, 3, num_classes=None)(x, torch.eye(3)[y]),
        )
        assert torch.equal(hard[0], soft[0]) and torch.equal(hard[1], soft[1])


@each_transform
def test_boolean_labels_serve(transform):
    x, y = batch()
    counts = {"class_counts": [13, 3]} if "class_counts" in transform.get_params() else {}
    assert with_seed(transform, 0, num_classes=2, **counts)(x, y == 2)[1].shape == (16, 2)


@each_transform
def test_soft_labels_are_mixed_as_they_are(transform):
    x, _ = batch()
    y = torch.rand(16, 3, generator=seeded(1), dtype=torch.float64)
    y /= y.sum(dim=1, keepdim=True)
    mixture, label_share = drawn(transform, x, y.argmax(dim=1), 5)
    mixed = with_seed(transform, 5)(x, y)[1]
    assert mixed.dtype == torch.float64
    torch.testing.assert_close(mixed, mixed_by_hand(y, mixture, label_share))


@each_transform
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_features_leave_labels_alone(transform, dtype):
    x, y = batch()
    x = x.to(dtype)
    wide, narrow = with_seed(transform, 2)(x.float(), y), with_seed(transform, 2)(x, y)
    assert narrow[0].dtype == dtype
    assert narrow[1].dtype == torch.float32
    assert torch.equal(narrow[1], wide[1])
    torch.testing.assert_close(narrow[0].float(), wide[0], rtol=0.05, atol=0.05)


def test_many_classes_survive_bfloat16():
    x, y = torch.randn(4, 2).bfloat16(), torch.tensor([257, 1001, 257, 1001])
    _, mixed = MixUp(alpha=0.3, num_classes=1002)(x, y)
    assert set(mixed.nonzero()[:, 1].tolist()) <= {257, 1001}


@each_transform
def test_wide_features_keep_their_precision(transform):
    x, y = batch()
    mixture, _ = drawn(transform, x, y, 2)
    mixed = with_seed(transform, 2)(x.double(), y)[0]
    torch.testing.assert_close(mixed, mixed_by_hand(x, mixture, mixture.share), rtol=1e-14, atol=1e-14)


@each_transform
@pytest.mark.parametrize("shape", [(), (3,), (2, 5, 5)])
def test_each_replica_mixes_as_it_would_alone(transform, shape):
    batches = [batch(shape=shape, seed=seed) for seed in range(4)]
    x, y = torch.stack([b[0] for b in batches]), torch.stack([b[1].roll(seed) for seed, b in enumerate(batches)])
    stack = clone(transform).set_params(generator=[seeded(seed) for seed in range(4)])
    mixed_x, mixed_y = stack(x, y)
    for seed in range(4):
        alone = with_seed(transform, seed)(x[seed], y[seed])
        assert torch.equal(mixed_x[seed], alone[0]) and torch.equal(mixed_y[seed], alone[1])


@each_transform
def test_one_generator_serves_any_number_of_replicas(transform):
    x, y = torch.randn(2, 3, 16, 4), batch()[1].expand(2, 3, 16)
    mixed_x, mixed_y = with_seed(transform, 0, batch_dims=2)(x, y)
    assert mixed_x.shape == x.shape and mixed_y.shape == (2, 3, 16, 3)
    assert not torch.equal(mixed_y[0, 0], mixed_y[1, 2])


@each_transform
def test_same_seed_same_bytes(transform):
    first, again, other = (with_seed(transform, seed)(*batch()) for seed in (11, 11, 12))
    assert all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in zip(first, again))
    assert not torch.equal(first[0], other[0])


@each_transform
def test_own_generator_leaves_global_stream_alone(transform):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    with_seed(transform, 0)(*batch())
    assert torch.equal(state, torch.get_rng_state())


@each_transform
def test_without_generator_the_global_stream_rules(transform):
    torch.manual_seed(4)
    first = transform(*batch())[0]
    torch.manual_seed(4)
    assert torch.equal(first, transform(*batch())[0])


@each_transform
def test_given_tensors_are_not_changed(transform):
    x, y = batch()
    kept = x.clone(), y.clone()
    with_seed(transform, 0)(x, y)
    assert torch.equal(x, kept[0]) and torch.equal(y, kept[1])


@each_transform
def test_gradients_flow_to_features(transform):
    x, y = batch()
    x.requires_grad_()
    with_seed(transform, 0)(x, y)[0].sum().backward()
    torch.testing.assert_close(x.grad.sum(), torch.tensor(64.0))


@each_transform
def test_one_class_only(transform):
    x, y = torch.randn(6, 2), torch.full((6,), 1)
    mixed = with_seed(transform, 0)(x, y)[1]
    torch.testing.assert_close(mixed, torch.eye(3)[y], rtol=0, atol=1e-6)


@each_transform
def test_highest_label_absent_keeps_width(transform):
    _, y = with_seed(transform, 0)(torch.randn(6, 2), torch.tensor([0, 1, 0, 0, 1, 0]))
    assert y.shape == (6, 3)
    assert not y[:, 2].any()


@each_transform
@pytest.mark.parametrize("n_rows", [0, 1])
def test_tiny_batches(transform, n_rows):
    x, y = torch.randn(n_rows, 2), torch.zeros(n_rows, dtype=torch.int64)
    mixed_x, mixed_y = with_seed(transform, 0)(x, y)
    torch.testing.assert_close(mixed_x, x)
    torch.testing.assert_close(mixed_y, torch.eye(3)[y])


@each_transform
def test_each_label_keeps_the_weight_of_its_own_row(transform):
    """The loss of a mixed row, by the formula: share w_i l(y_i) + (1 - share) w_j l(y_j)."""
    x, y = batch()
    weight = torch.rand(16, generator=seeded(1), dtype=torch.float64)
    mixture, share = drawn(transform, x, y, 7)
    mixed_x, soft, of_rows = with_seed(transform, 7)(x, y, weight)
    assert torch.equal(mixed_x, with_seed(transform, 7)(x, y)[0])
    logits = torch.randn(16, 3, generator=seeded(2))
    losses = [cross_entropy(logits, y[rows], reduction="none") for rows in (mixture.first, mixture.second)]
    by_hand = share * weight[mixture.first] * losses[0] + (1 - share) * weight[mixture.second] * losses[1]
    found = of_rows * cross_entropy(logits, soft, reduction="none")
    torch.testing.assert_close(found.double(), by_hand, rtol=1e-5, atol=1e-6)


@each_transform
@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.int64])
def test_equal_weights_change_nothing(transform, kind):
    x, y = batch()
    plain, (rows, soft, weight) = with_seed(transform, 3)(x, y), with_seed(transform, 3)(x, y, torch.ones(16).to(kind))
    assert torch.equal(rows, plain[0]) and weight.dtype == torch.float32
    torch.testing.assert_close(soft, plain[1], rtol=0, atol=1e-6)
    torch.testing.assert_close(weight, torch.ones(16))


@each_transform
def test_rows_of_weight_zero_have_no_say(transform):
    """Class 2 weighs nothing: its part of every label is gone, and a row of class 2 alone has no weight."""
    x, y = batch()
    _, soft, weight = with_seed(transform, 3)(x, y, (y != 2).double())
    assert not (weight.unsqueeze(1) * soft)[:, 2].any() and soft.isfinite().all()
    assert (weight < 0.99).any() and (weight > 0).any()


@each_transform
def test_mixed_images_lie_in_memory_as_before(transform):
    x, y = torch.randn(16, 3, 8, 8), batch()[1]
    turned = x.to(memory_format=torch.channels_last)
    mixed = with_seed(transform, 0)(turned, y)[0]
    assert mixed.is_contiguous(memory_format=torch.channels_last) and not mixed.is_contiguous()
    torch.testing.assert_close(mixed, with_seed(transform, 0)(x, y)[0])
    across = torch.randn(16, 4, 5).permute(0, 2, 1)
    assert with_seed(transform, 0)(across, y)[0].stride() == across.stride()


@each_transform
@pytest.mark.parametrize("shape", [(16, 4, 4), (16, 4, 3, 8)], ids=["sequences", "images"])
def test_axes_of_replicas_are_never_guessed(transform, shape):
    """Labels by position of a sequence, or by channel, look like the labels of sixteen replicas."""
    x, labels = torch.randn(shape), torch.randint(3, (16, 4))
    with pytest.raises(ValueError, match=r"y \(16, 4\).*batch_dims=0 is the number of axes before the rows"):
        with_seed(transform, 0)(x, labels)
    with pytest.raises(ValueError, match="batch_dims"):
        with_seed(transform, 0)(x, one_hot(labels, 3).float())
    assert with_seed(transform, 0, batch_dims=1)(x, labels)[1].shape == (16, 4, 3)


SEVERAL = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize("transform", [t for t in TRANSFORMS if t.looks_at_classes], ids=repr)
@pytest.mark.parametrize("labels", [SEVERAL, SEVERAL[:2], SEVERAL[2:], torch.tensor([[1.5, -0.5, 0.0]] * 4)])
def test_labels_of_several_classes_cannot_be_balanced(transform, labels):
    with pytest.raises(ValueError, match=r"needs one class a row.*rows that sum to 1"):
        with_seed(transform, 0)(torch.randn(len(labels), 2), labels)


def test_labels_of_several_classes_can_be_mixed():
    transform, x = MixUp(alpha=1.0), torch.randn(4, 2)
    mixture = transform.draw(torch.zeros(4), seeded(0))
    torch.testing.assert_close(with_seed(transform, 0)(x, SEVERAL)[1], mix_labels(SEVERAL, mixture))


@each_mixer
def test_alpha_zero_mixes_nothing(transform):
    x, y = batch()
    mixed_x, mixed_y = with_seed(transform, 0, alpha=0)(x, y)
    for row, label in zip(mixed_x, mixed_y):
        same = (x == row).all(dim=1).nonzero().item()
        assert torch.equal(label, torch.eye(3)[y[same]])


@each_mixer
@pytest.mark.parametrize("alpha", [-0.1, float("nan"), float("inf")])
def test_alpha_out_of_range_is_quoted(transform, alpha):
    with pytest.raises(ValueError, match=f"alpha={alpha}"):
        with_seed(transform, 0, alpha=alpha)(*batch())


@pytest.mark.parametrize(
    ("kind", "parameters", "said"),
    [
        (ReMix, {"alpha": -1}, "alpha=-1"),
        (MixUp, {"alpha": -1}, "alpha=-1"),
        (RebalancedMixup, {"alpha": -1}, "alpha=-1"),
        (RebalancedMixup, {"kappa": 0.5}, r"kappa=0\.5"),
        (ReMix, {"variant": "half"}, "variant='half'"),
        (ReMix, {"num_classes": 0}, "num_classes=0"),
        (MixUp, {"alpha": 0.3, "num_classes": 2.5}, r"num_classes=2\.5"),
        (BatchSMOTE, {"num_classes": -1}, "num_classes=-1"),
        (BatchSMOTE, {"k_neighbors": 0}, "k_neighbors=0"),
        (ReMix, {"batch_dims": -1}, "batch_dims=-1"),
    ],
)
def test_constructors_refuse_what_calls_would_refuse(kind, parameters, said):
    with pytest.raises(ValueError, match=said):
        kind(**parameters)


@each_transform
class TestErrors:
    def test_num_classes_missing(self, transform):
        with pytest.raises(ValueError, match=r"num_classes is needed.*None"):
            with_seed(transform, 0, num_classes=None)(*batch())

    @pytest.mark.parametrize("label", [-1, 3])
    def test_label_outside(self, transform, label):
        x, y = batch()
        y[0] = label
        with pytest.raises(ValueError, match=rf"num_classes - 1 = 2.*{label}"):
            with_seed(transform, 0)(x, y)

    @pytest.mark.parametrize("kind", [torch.int64, torch.uint8, torch.bool, torch.complex64], ids=str)
    def test_codes_are_not_mixed(self, transform, kind):
        x, y = batch()
        with pytest.raises(TypeError, match=rf"{kind}.*token ids"):
            with_seed(transform, 0)(x.to(kind), y)

    @pytest.mark.parametrize("name", ["x", "y", "weight"])
    @pytest.mark.parametrize("kind", [Tensor.numpy, Tensor.tolist], ids=["array", "list"])
    def test_other_containers(self, transform, name, kind):
        given = dict(zip(("x", "y", "weight"), (*batch(), torch.ones(16))))
        with pytest.raises(TypeError, match=rf"{name} must be a torch\.Tensor, but is a (ndarray|list)"):
            with_seed(transform, 0)(**given | {name: kind(given[name])})

    @pytest.mark.parametrize("batch_dims", [-1, 0.0, "1"])
    def test_batch_dims_out_of_range(self, transform, batch_dims):
        with pytest.raises(ValueError, match=f"batch_dims={batch_dims!r}"):
            with_seed(transform, 0, batch_dims=batch_dims)(*batch())

    def test_weights_disagree(self, transform):
        with pytest.raises(ValueError, match=r"weight \(16, 1\)"):
            with_seed(transform, 0)(*batch(), torch.ones(16, 1))

    def test_rows_disagree(self, transform):
        x, y = batch()
        with pytest.raises(ValueError, match=r"\(15, 4\), y \(16,\)"):
            with_seed(transform, 0)(x[1:], y)

    def test_too_few_generators(self, transform):
        x, y = batch()
        stack = clone(transform).set_params(generator=[seeded(0)] * 3)
        with pytest.raises(ValueError, match="3 came for 2"):
            stack(x.expand(2, 16, 4), y.expand(2, 16))

    def test_floating_labels_without_class_axis(self, transform):
        """Hard labels that went through a float: a common slip, to be told in plain words."""
        x, y = batch()
        with pytest.raises((ValueError, TypeError), match=r"shape|integer|probabilities"):
            with_seed(transform, 0)(x, y.float())


@each_mixer
def test_parameters_as_scikit_learn_knows_them(transform):
    assert {"alpha", "num_classes", "per_row", "generator"} <= set(transform.get_params())
    twin = clone(transform)
    assert twin is not transform and repr(twin) == repr(transform)
    assert clone(transform).set_params(alpha=0.7).alpha == 0.7
    assert "alpha=0.7" in repr(clone(transform).set_params(alpha=0.7))
    with pytest.raises(ValueError, match="Invalid parameter 'beta'"):
        clone(transform).set_params(beta=1)


@each_transform
@pytest.mark.parametrize("copied", [clone, lambda t: pickle.loads(pickle.dumps(t))], ids=["clone", "pickle"])
def test_copies_carry_their_generator(transform, copied):
    original = with_seed(transform, 9)
    twin = copied(original)
    first, second = original(*batch()), twin(*batch())
    assert torch.equal(first[0], second[0])


@each_transform
def test_the_number_of_classes_may_be_given_or_read_off(transform):
    labels = batch()[1]
    given, read = transform.draw(labels, seeded(0), 3), transform.draw(labels, seeded(0))
    assert all(a is b is None or torch.equal(a, b) for a, b in zip(given, read, strict=True))


@pytest.mark.parametrize("transform", [MixUp(alpha=0.3), ReMix(), BatchSMOTE()], ids=repr)
def test_class_counts_of_the_training_set_are_nothing_to_most(transform):
    assert transform.bound(torch.tensor([90, 10])) is transform


@pytest.mark.parametrize(
    ("transform", "lead", "features"),
    [
        *((transform, (), (4,)) for transform in [*MIXERS, BatchSMOTE(num_classes=3)]),
        (ReMix(num_classes=3), (2,), (3, 5, 5)),
        (BatchSMOTE(num_classes=3), (2,), (3, 5, 5)),
    ],
    ids=repr,
)
def test_it_compiles_to_one_graph(transform, lead, features):
    torch.compiler.reset()
    transform = clone(transform).set_params(batch_dims=len(lead))
    compiled = torch.compile(transform, fullgraph=True, backend="aot_eager")
    for seed, n_rows in enumerate((16, 16, 11, 7)):  # as the last batch of an epoch has fewer
        x, y = torch.randn(*lead, n_rows, *features), batch()[1][:n_rows].expand(*lead, n_rows)
        torch.manual_seed(seed)
        expected = transform(x, y)
        torch.manual_seed(seed)
        torch.testing.assert_close(compiled(x, y), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@each_transform
def test_it_mixes_where_the_batch_is(transform):
    """The same mixture gives the same batch on any device; each device has its own stream of chance."""
    x, y = batch()
    on_device = clone(transform).set_params(generator=torch.Generator("cuda").manual_seed(0))
    first = on_device(x.cuda(), y.cuda())
    mixture = transform.draw(y.cuda(), torch.Generator("cuda").manual_seed(0), 3)
    mixture = Mixture(*(None if part is None else part.cpu() for part in mixture))
    if transform.looks_at_features:
        mixture = with_neighbours(x, y, mixture)
    assert first[0].is_cuda and first[1].is_cuda
    torch.testing.assert_close(first[0].cpu(), mix(x, mixture))
    torch.testing.assert_close(first[1].cpu(), mix_labels(torch.eye(3)[y], mixture))


@pytest.mark.parametrize(
    ("labels", "remedy"),
    [
        (torch.zeros(8), "give y.long()"),
        (torch.zeros(8, 1, dtype=torch.long), "give y.squeeze(-1)"),
        (torch.zeros(3, dtype=torch.long), "Give a label for each row"),
    ],
)
def test_labels_that_do_not_fit_are_told_their_remedy(labels, remedy):
    with pytest.raises(ValueError, match=re.escape(remedy)):
        ReMix(num_classes=2)(torch.zeros(8, 3), labels)


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_weights_that_are_none_are_refused(wrong):
    weight = torch.ones(8)
    weight[3] = wrong
    with pytest.raises(ValueError, match="Weights of rows must be 0 or more and finite"):
        ReMix(num_classes=2)(torch.randn(8, 3), torch.arange(8) % 2, weight)
