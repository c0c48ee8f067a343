"""`ClassAugmentation`: a strength and a probability of each change of an image, by class or group.

The personalised augmentation of Li et al., "AutoBalance: Optimized Loss Functions for Imbalanced Data" (NeurIPS 2021),
section 2. The authors' code has none; this one is ours: relaxed Bernoulli gates, and a share of plain images that all
classes have in common.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal, Self

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from equipoise.images.augment import GROUP_OF, Augment, ClassStrengthWarning
from equipoise.parameters import Parametrized

RANGES = {
    "rotation": 30.0,
    "shear": 0.3,
    "scale": 0.25,
    "shift": 0.15,
    "brightness": 0.3,
    "contrast": 0.4,
    "saturation": 0.5,
    "hue": 0.1,
    "noise": 0.1,
    "blur": 1.0,
    "cut_out": 0.5,
}
"""Ranges of the changes at strength 1, see `Augment`."""
SHARED = ("class", "group", "one")
_TEMPERATURE = 0.1  # of the relaxed Bernoulli gates

ByOperation = float | ArrayLike | Mapping[str, float | ArrayLike]


class ClassAugmentation(Parametrized):
    """Random changes of images, with a strength and a probability of each change for every class.

    An image is augmented with a probability that all classes have in common, and stays as it is otherwise. The changes
    of an augmented image are those of `Augment`: each has its range at strength 1, times the strength of the class. One
    change, drawn alike for all classes, is certain; each other one has a gate near 0 or 1, which is near 1 with the
    probability of the class. `AutoBalance` searches for strengths and probabilities.

    Parameters
    ----------
    ops : sequence of str, or mapping of str to float, default=("rotation", "scale", "shift", "contrast", "cut_out")
        Changes of `Augment` that have a strength, or their ranges at strength 1. Crops and mirror images, which all
        classes share, are for an `Augment` before it.
    by : {"class", "group", "one"}, default="class"
        What has strengths of its own: each class, each class and group, or all images together.
    strength : float, array-like of shape (K,) or (K, G), or mapping of str to these, default=0.3
        Strengths, 0 to 1, where a search begins; for each change if they are a mapping.
    op_probability : float, array-like of shape (K,) or (K, G), or mapping of str to these, default=0.5
        Probabilities of the changes of an augmented image.
    probability : float, default=0.5
        Probability that an image is augmented at all, the same for all classes.
    generator : torch.Generator, optional
        Random generator on the CPU; torch's global one by default.

    Notes
    -----
    Try one policy for all classes and a longer training first: in short runs on small images, strengths searched by
    class gained nothing on one fixed policy, and the time of the search was worth more as training steps
    (``equipoise reproduce autobalance-augmentation``).

    A network reads the traces of augmentation, such as interpolation, as the class if rare classes always show them and
    frequent classes never do. Here every class has the same share of plain images, and in a search no strength is 0.

    The gates are relaxed Bernoulli variables (Maddison, Mnih and Teh; Jang, Gu and Poole, both ICLR 2017), so that
    results are differentiable in strengths and probabilities.

    See Also
    --------
    AutoBalance : The search, with ``AutoBalance(augmentation=ClassAugmentation())``.

    Examples
    --------
    >>> import torch
    >>> from equipoise.images import ClassAugmentation
    >>> augment = ClassAugmentation(ops=("rotation", "contrast"), strength=[0.1, 0.8])
    >>> x, y = augment(torch.rand(6, 3, 8, 8), torch.tensor([0, 0, 0, 1, 1, 1]))
    >>> x.shape
    torch.Size([6, 3, 8, 8])
    """

    balances = False
    bounds: Mapping[str, tuple[float, float]] = {"strength": (0.1, 1.0), "probability": (0.05, 0.95)}
    """Bounds of a search. No strength is 0: an image that is augmented is changed, whatever its class."""

    def __init__(
        self,
        ops: Sequence[str] | Mapping[str, float] = ("rotation", "scale", "shift", "contrast", "cut_out"),
        *,
        by: Literal["class", "group", "one"] = "class",
        strength: ByOperation = 0.3,
        op_probability: ByOperation = 0.5,
        probability: float = 0.5,
        generator: torch.Generator | None = None,
    ) -> None:
        self.ops = ops
        self.by = by
        self.strength = strength
        self.op_probability = op_probability
        self.probability = probability
        self.generator = generator
        self._check()

    def start(self) -> dict[str, Tensor]:
        """Return ``strength_<op>`` and ``probability_<op>`` of each change, of shape (), (K,) or (K, G), as doubles."""
        return {
            f"{kind}_{op}": torch.as_tensor(given[op] if isinstance(given, Mapping) else given, dtype=torch.float64)
            for kind, given in (("strength", self.strength), ("probability", self.op_probability))
            for op in self.ops
        }

    def with_values(self, values: Mapping[str, Tensor]) -> Self:
        """Return the same augmentation with strengths and probabilities as `start` names them."""
        strength, probability = ({op: values[f"{kind}_{op}"] for op in self.ops} for kind in self.bounds)
        return type(self)(**self.get_params() | {"strength": strength, "op_probability": probability})

    def __call__(self, x: Tensor, y: Tensor, group: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Augment a batch.

        Parameters
        ----------
        x : Tensor of shape (B, channels, height, width), uint8 or floating
        y : Tensor of shape (B,), integer, or (B, K), floating
            Class indices, or probabilities: such a row has the mean strengths of its classes.
        group : Tensor of shape (B,), integer, optional
            Groups of the rows, needed if strengths differ by group.

        Returns
        -------
        x : Tensor of the same shape, floating
        y : Tensor
            As given.
        """
        return self.rows(x, y, group=group), y

    def rows(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        group: Tensor | None = None,
        generator: torch.Generator | None = None,
        values: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Augment images.

        Parameters
        ----------
        x, y, group : Tensor
            As in a call.
        generator : torch.Generator, optional
            In place of the parameter.
        values : mapping of str to Tensor of shape (), (K,) or (K, G), optional
            Strengths and probabilities as `start` names them, in place of the parameters; the result is differentiable
            in them.

        Returns
        -------
        Tensor of the shape of ``x``, floating

        Raises
        ------
        TypeError
            If ``x`` is no tensor, or labels or groups are needed but not given.
        ValueError
            If strengths or probabilities by class do not fit the classes and groups of the rows.
        """
        if not isinstance(x, Tensor):
            raise TypeError(f"x must be a tensor of images to be augmented, but is a {type(x).__name__}.")
        seed = torch.randint(2**62, (), generator=self.generator if generator is None else generator)
        generator = torch.Generator(device=x.device).manual_seed(int(seed))
        kind = x.dtype if x.is_floating_point() else torch.float32
        values = self.start() if values is None else values
        of_rows = {name: by_rows(value.to(x.device, kind), y, group, name) for name, value in values.items()}
        augmented = torch.rand(len(x), generator=generator, device=x.device) < self.probability
        certain = torch.randint(len(self.ops), (len(x),), generator=generator, device=x.device)
        amounts = {}
        for number, op in enumerate(self.ops):
            uniform = torch.rand(len(x), generator=generator, device=x.device, dtype=torch.float64)
            noise = torch.logit(uniform, eps=1e-9).to(kind)
            gate = torch.sigmoid((torch.logit(of_rows[f"probability_{op}"], eps=1e-6) + noise) / _TEMPERATURE)
            gate = torch.where(certain == number, 1.0, gate)
            amounts[op] = augmented * gate * of_rows[f"strength_{op}"]
        ranges = self.ops if isinstance(self.ops, Mapping) else {op: RANGES[op] for op in self.ops}
        return Augment(crop=0, flip=0.0, **ranges).rows(x, strength=amounts, generator=generator)  # type: ignore[arg-type]

    def _check(self) -> None:
        if isinstance(self.ops, str) and self.ops in GROUP_OF:
            raise ValueError(f"ops must be a sequence of changes, but ops={self.ops!r}: give ops=({self.ops!r},).")
        unknown = [name for name in self.ops if name not in GROUP_OF]
        if unknown or not len(self.ops):
            raise ValueError(f"ops must be one or more of {', '.join(GROUP_OF)}, but ops={self.ops!r}.")
        if self.by not in SHARED:
            raise ValueError(f"by must be one of {', '.join(map(repr, SHARED))}, but by={self.by!r}.")
        for name in ("strength", "op_probability", "probability"):
            given = getattr(self, name)
            given = given if isinstance(given, Mapping) else dict.fromkeys(self.ops, given)
            tensors = [torch.as_tensor(given[op]) for op in self.ops if op in given]
            if len(tensors) < len(self.ops) or not all(((value >= 0) & (value <= 1)).all() for value in tensors):
                raise ValueError(
                    f"{name} must be from 0 to 1 for each of {', '.join(self.ops)}, but {name}={getattr(self, name)!r}."
                )
        if self.probability == 1 and self.by != "one":
            warnings.warn(
                "Augmentation differs by class, and probability=1 leaves no image as it is, so that a network can read "
                "the class from the traces of the augmentation: set probability=0.5.",
                ClassStrengthWarning,
                stacklevel=3,
            )


def by_rows(values: Tensor, y: Tensor | None, group: Tensor | None, name: str) -> Tensor:
    """Return the value of each row, from values of shape (), (K,) or (K, G); a mean for rows of probabilities."""
    if not values.ndim:
        return values
    if y is None or (values.ndim > 1 and values.shape[-1] > 1 and group is None):
        needed = ("class", "labels") if y is None else ("group", "groups")
        raise TypeError("Augmentation differs by {}, but no {} came: give them with the rows.".format(*needed))
    column = torch.zeros(len(y), dtype=torch.int64, device=y.device) if group is None else group.long()
    try:
        if values.ndim == 1:
            return values[y.long()] if not y.is_floating_point() else y.to(values) @ values
        return values[y.long(), column] if not y.is_floating_point() else (y.to(values) * values[:, column].T).sum(-1)
    except (IndexError, RuntimeError):
        of = f"{y.shape[-1]} classes" if y.is_floating_point() else f"classes up to {int(y.max())}"
        groups = "" if group is None else f" and groups up to {int(group.max())}"
        raise ValueError(
            f"{name} must hold one value for all rows, for each class, or for each class and group, but its shape is "
            f"{tuple(values.shape)}, and the batch has {of}{groups}."
        ) from None
