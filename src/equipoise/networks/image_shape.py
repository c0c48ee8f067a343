"""What rows must be like for a network of images."""


def check_image(name: str, shape: tuple[int, ...], least: int = 1) -> None:
    """Refuse rows that are no images of channels, height and width, or are too small."""
    if len(shape) != 3:
        raise ValueError(
            f"{name} reads images of channels, height and width, but a row has shape {tuple(shape)}: give X of shape "
            f"(n, channels, height, width)."
        )
    if min(shape[1:]) < least:
        raise ValueError(f"{name} reads images of {least} x {least} pixels or more, but they have {shape[1:]}.")
