"""`Augment`: random changes of a batch of images, with a strength for each of them.

Position and shape change by one sampling grid, colours by one matrix for each image. Both are differentiable in the
strength, so that a search can learn it.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, overload

import torch
from torch import Tensor
from torch.nn import functional

from equipoise.parameters import Parametrized

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_UNIFORM = (
    *(f"apply_{group}" for group in ("shape", "colours", "noise", "blur", "cut_out")),
    *("flip", "vertical_flip", "crop_x", "crop_y", "shift_x", "shift_y", "rotation", "shear", "scale"),
    *("brightness", "contrast", "saturation", "hue", "noise", "blur", "cut_out", "cut_x", "cut_y"),
)
GROUP_OF = {
    **dict.fromkeys(("shift", "rotation", "shear", "scale"), "shape"),
    **dict.fromkeys(("brightness", "contrast", "saturation", "hue"), "colours"),
    **{name: name for name in ("noise", "blur", "cut_out")},
}
"""The changes that have a strength, and the groups that are applied together."""
_BLUR_TAPS = 2  # pixels on each side


class ClassStrengthWarning(UserWarning):
    """The strength of an augmentation differs by class, and every image is changed: the traces give the class away."""


class Augment(Parametrized):
    """Random changes of images: position, shape, colours, noise, blur and cut-out.

    A range of 0 leaves a change out. Each range is multiplied by the strength and by a uniform number from -1 to 1, or
    from 0 to 1 for ``noise``, ``blur`` and ``cut_out``.

    Parameters
    ----------
    strength : float or sequence of float, default=1.0
        Factor of all ranges but ``crop`` and flips; a sequence has one for each class.
    crop : int or float, default=4
        Largest shift in whole pixels, as a crop of the padded image; below 1 a share of the shorter side, rounded.
    flip, vertical_flip : float, default=0.5, 0.0
        Probability of a mirror image, left to right and top to bottom.
    shift : float, default=0.0
        Largest shift, as a share of each side.
    rotation : float, default=0.0
        Largest angle, in degrees.
    shear : float, default=0.0
        Largest shear: the tangent of its angle.
    scale : float, default=0.0
        Largest logarithm of the factor of size; 0.25 is up to 28% larger.
    brightness : float, default=0.0
        Largest change of all channels, as a share of the range of pixels: 255 for bytes, 1 for floats.
    contrast, saturation : float, default=0.0
        Largest logarithm of the factor of the distance to the mean of the image, and to its own grey.
    hue : float, default=0.0
        Largest turn of colours, as a share of a full turn, 0 to 0.5.
    noise : float, default=0.0
        Largest standard deviation of Gaussian noise, as a share of the range of pixels.
    blur : float, default=0.0
        Largest standard deviation of a Gaussian filter of 5 x 5 pixels, in pixels.
    cut_out : float, default=0.0
        Largest side of a square set to the mean of the image, as a share of the shorter side.
    probability : float, default=1.0
        Probability of each group of changes, apart from crop and flips, for an image: shape, colours, noise, blur,
        cut-out.
    generator : torch.Generator, optional
        Random generator on the device of the batch.

    Notes
    -----
    Before `ReMix` or `MixUp`, give it as their ``between``: rows are then balanced, augmented and mixed, in this order,
    and the copies of a minority image differ. Augmented before, the copies would be identical.

    A strength that differs by class with ``probability=1`` leaks the label: where only the minority classes are
    interpolated, a network reads the interpolation as their class, and misses their plain images. With
    ``probability=0.5`` it does not.

    Pixels beyond the border are those of the mirrored image. Results are not clipped to the range of pixels.

    Examples
    --------
    >>> import torch
    >>> from equipoise import Augment
    >>> augment = Augment(rotation=15, contrast=0.4, generator=torch.Generator().manual_seed(0))
    >>> x, y = augment(torch.zeros(8, 3, 32, 32, dtype=torch.uint8), torch.arange(8))
    >>> x.shape, x.dtype
    (torch.Size([8, 3, 32, 32]), torch.float32)
    """

    balances = False

    def __init__(
        self,
        *,
        strength: float | Sequence[float] | Tensor = 1.0,
        crop: float = 4,
        flip: float = 0.5,
        vertical_flip: float = 0.0,
        shift: float = 0.0,
        rotation: float = 0.0,
        shear: float = 0.0,
        scale: float = 0.0,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
        noise: float = 0.0,
        blur: float = 0.0,
        cut_out: float = 0.0,
        probability: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        self.strength = strength
        self.crop = crop
        self.flip = flip
        self.vertical_flip = vertical_flip
        self.shift = shift
        self.rotation = rotation
        self.shear = shear
        self.scale = scale
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue
        self.noise = noise
        self.blur = blur
        self.cut_out = cut_out
        self.probability = probability
        self.generator = generator
        for name in ("flip", "vertical_flip", "probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be a probability from 0 to 1, but {name}={getattr(self, name)!r}.")
        for name in ("crop", *GROUP_OF):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 or more, and finite, but {name}={getattr(self, name)!r}.")
        of_class = by_class(strength)
        if of_class is not None and probability == 1 and len(of_class.unique()) > 1:
            warnings.warn(
                "The strength differs by class, and probability=1 changes every image, so that a network can read the "
                "class from the traces of the augmentation: set probability=0.5.",
                ClassStrengthWarning,
                stacklevel=2,
            )

    @overload
    def __call__(self, x: Tensor) -> Tensor: ...

    @overload
    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]: ...

    def __call__(self, x: Tensor, y: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Augment a batch.

        Parameters
        ----------
        x : Tensor of shape (..., B, channels, height, width), uint8 or floating
        y : Tensor of shape (..., B), integer, or (..., B, K), floating, optional
            Labels, needed if the strength differs by class.

        Returns
        -------
        x : Tensor of the same shape, floating
            Bytes become float32, from 0 to 255.
        y : Tensor
            As given; absent if it was not given.

        Raises
        ------
        ValueError
            If ``x`` is no batch of images, or labels are needed but not given.
        """
        rows = self.rows(x, y)
        return rows if y is None else (rows, y)

    def rows(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        strength: Tensor | Mapping[str, Tensor] | None = None,
        generator: Any = None,
    ) -> Tensor:
        """Augment images.

        Parameters
        ----------
        x, y : Tensor
            As in a call.
        strength : Tensor of shape (..., B), or mapping of str to such tensors, optional
            Strength of each image, in place of the parameter; or one for each change that has a range, by its name.
            The result is differentiable in it.
        generator : torch.Generator, optional
            In place of the parameter.

        Returns
        -------
        Tensor of the shape of ``x``, floating
        """
        if x.ndim < 4:
            raise ValueError(
                f"x must be a batch of images of shape (..., B, channels, height, width), but its shape is "
                f"{tuple(x.shape)}."
            )
        generator = self.generator if generator is None else generator
        span = 1.0 if x.is_floating_point() else 255.0
        images = (x if x.is_floating_point() else x.float()).flatten(0, -4)
        given = self._strength(y, x.shape[:-3], images) if strength is None else strength
        uniform = torch.rand(len(_UNIFORM), len(images), generator=generator, device=images.device, dtype=images.dtype)
        u = _Draws(zip(_UNIFORM, uniform, strict=True))

        amount = {
            name: getattr(self, name)
            * (given[name] if isinstance(given, Mapping) else given).to(images).flatten()
            * (u[f"apply_{group}"] < self.probability).to(images)
            for name, group in GROUP_OF.items()
            if getattr(self, name)
        }
        images = self._moved(images, u, amount)
        images = self._coloured(images, u, amount, span)
        if self.noise:
            noise = torch.randn(images.shape, generator=generator, device=images.device, dtype=images.dtype)
            images = images + noise * _column(span * u["noise"] * amount["noise"])
        if self.blur:
            images = blurred(images, u["blur"] * amount["blur"])
        if self.cut_out:
            images = self._cut(images, u, amount["cut_out"])
        return images.view(x.shape)

    def _strength(self, y: Tensor | None, shape: torch.Size, like: Tensor) -> Tensor:
        of_class = by_class(self.strength)
        if of_class is None:
            return like.new_full((shape.numel(),), float(self.strength))  # type: ignore[arg-type]
        if y is None:
            raise ValueError("The strength differs by class, so labels are needed: call augment(x, y).")
        of_class = of_class.to(like)
        rows = of_class[y.long()] if not y.is_floating_point() else y.to(like) @ of_class
        return rows.flatten()

    def _moved(self, images: Tensor, u: "_Draws", amount: Mapping[str, Tensor]) -> Tensor:
        """Sample all changes of position and shape by one grid."""
        n, _, height, width = images.shape
        turned = any((self.rotation, self.shear, self.scale, self.shift))
        if not (turned or self.crop or self.flip or self.vertical_flip):
            return images
        angle = math.radians(1) * u.changed("rotation", amount)
        shear = u.changed("shear", amount)
        size = torch.exp(-u.changed("scale", amount))
        cos, sin = angle.cos() * size, angle.sin() * size
        x_sign = torch.where(u["flip"] < self.flip, -1.0, 1.0).to(images)
        y_sign = torch.where(u["vertical_flip"] < self.vertical_flip, -1.0, 1.0).to(images)
        # Where a pixel of the result lies in the image, in pixels from the centre: turn after shear after mirror.
        rows = (
            (cos * x_sign, (cos * shear - sin) * y_sign, self._shift(u, "x", amount, width, min(height, width))),
            (sin * x_sign, (sin * shear + cos) * y_sign, self._shift(u, "y", amount, height, min(height, width))),
        )
        sides = (width / 2, height / 2)
        matrix = [[rows[i][j] * sides[j] / sides[i] for j in (0, 1)] + [rows[i][2] / sides[i]] for i in (0, 1)]
        theta = torch.stack([torch.stack(row, dim=-1) for row in matrix], dim=1)
        grid = functional.affine_grid(theta, [n, 1, height, width], align_corners=False)
        return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

    def _shift(self, u: "_Draws", axis: str, amount: Mapping[str, Tensor], side: int, shorter: int) -> Tensor:
        crop = self.crop if self.crop >= 1 else round(self.crop * shorter)
        whole = (u[f"crop_{axis}"] * (2 * crop + 1)).floor() - crop
        return whole + side * u.changed("shift", amount, f"shift_{axis}")

    def _coloured(self, images: Tensor, u: "_Draws", amount: Mapping[str, Tensor], span: float) -> Tensor:
        """Change brightness, contrast, saturation and hue by one matrix for each image."""
        n, channels = images.shape[:2]
        coloured = channels == 3
        if not (self.brightness or self.contrast or (coloured and (self.saturation or self.hue))):
            return images
        contrast = torch.exp(u.changed("contrast", amount))
        matrix = torch.eye(channels, dtype=images.dtype, device=images.device).expand(n, -1, -1)
        if coloured:
            luma = images.new_tensor(_LUMA).expand(3, 3)
            factor = torch.exp(u.changed("saturation", amount)).view(-1, 1, 1)
            matrix = luma + factor * (matrix - luma)
            matrix = hue_turn(2 * math.pi * u.changed("hue", amount)) @ matrix
        mean = images.mean(dim=(2, 3)).unsqueeze(-1)
        grey = (mean * images.new_tensor(_LUMA).view(3, 1)).sum(1, keepdim=True) if coloured else mean
        lift = span * u.changed("brightness", amount)
        offset = (1 - contrast).view(-1, 1, 1) * grey + lift.view(-1, 1, 1)
        matrix = matrix * contrast.view(-1, 1, 1)
        return torch.baddbmm(offset.expand(n, channels, 1), matrix, images.flatten(2)).view(images.shape)

    def _cut(self, images: Tensor, u: "_Draws", amount: Tensor) -> Tensor:
        """Set a square to the mean; pixels on its edge in part, so that it grows smoothly."""
        height, width = images.shape[2:]
        half = min(height, width) * amount * u["cut_out"] / 2
        inside = []
        for side, draw in ((height, u["cut_y"]), (width, u["cut_x"])):
            place = torch.arange(side, dtype=images.dtype, device=images.device) + 0.5
            within = (half[:, None] + 0.5 - (place - (draw * side)[:, None]).abs()).clamp(0, 1)
            inside.append(within * (2 * half[:, None]).clamp(max=1))
        share = inside[0][:, None, :, None] * inside[1][:, None, None, :]
        return torch.lerp(images, images.mean(dim=(2, 3), keepdim=True), share)


class _Draws(dict[str, Tensor]):
    """Uniform numbers of all images by name."""

    def changed(self, name: str, amount: Mapping[str, Tensor], draw: str = "") -> Tensor:
        """Return numbers from minus to plus the amount of a change, 0 for one without a range."""
        signed = 2 * self[draw or name] - 1
        return signed * amount[name] if name in amount else torch.zeros_like(signed)


def by_class(strength: Any) -> Tensor | None:
    """Return strengths by class as a tensor; None for one strength of all."""
    if isinstance(strength, Tensor):
        return strength if strength.ndim else None
    return None if isinstance(strength, int | float) else torch.as_tensor(strength, dtype=torch.float64)


def _column(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


def hue_turn(angle: Tensor) -> Tensor:
    """Return the turn around the grey axis, of shape (n, 3, 3), which leaves grey as it is."""
    cos, third = angle.cos().view(-1, 1, 1), 1 / 3
    eye = torch.eye(3, dtype=angle.dtype, device=angle.device)
    cross = angle.new_tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    return cos * eye + (1 - cos) * third + angle.sin().view(-1, 1, 1) * cross


def blurred(images: Tensor, deviation: Tensor) -> Tensor:
    """Filter along rows, then along columns; a deviation of 0 leaves an image as it is."""
    variance = deviation.square().clamp(min=1e-6)
    taps = [torch.ones_like(variance), *(torch.exp(-(k**2) / (2 * variance)) for k in range(1, _BLUR_TAPS + 1))]
    total = taps[0] + 2 * sum(taps[1:])
    for axis in (-1, -2):
        side = images.shape[axis]
        pad = [_BLUR_TAPS, _BLUR_TAPS, 0, 0] if axis == -1 else [0, 0, _BLUR_TAPS, _BLUR_TAPS]
        wide = functional.pad(images, pad, mode="replicate")
        out = _column(taps[0] / total) * images
        for k in range(1, _BLUR_TAPS + 1):
            pair = wide.narrow(axis, _BLUR_TAPS - k, side) + wide.narrow(axis, _BLUR_TAPS + k, side)
            out = out + _column(taps[k] / total) * pair
        images = out
    return images
