"""The precision of the products in a network.

bfloat16 keeps the range of float32 and eight of its bits. Processors with AMX, and those of AMD with AVX-512 BF16,
train convolutions two to four times as fast with it; those of Intel with AVX-512 BF16 alone take 1.3 to 1.6 times as
long. ``"auto"`` asks what the processor has and does not measure it: a measurement depends on what else the machine
does, and a run must not.
"""

import platform
from functools import cache
from pathlib import Path

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from equipoise.training.task import Settings


def has_convolutions(module: nn.Module) -> bool:
    """Whether a module has convolutional layers."""
    return any(isinstance(layer, _ConvNd) for layer in module.modules())


def in_bfloat16(module: nn.Module, settings: Settings, device: torch.device) -> bool:
    """Whether the products of a module are in bfloat16 in training.

    Raises ValueError if bfloat16 is asked for beside float64.
    """
    if settings.precision == "bfloat16" and settings.dtype != "float32":
        raise ValueError(f"precision='bfloat16' needs dtype='float32', but dtype={settings.dtype!r}.")
    if settings.precision != "auto":
        return settings.precision == "bfloat16"
    return settings.dtype == "float32" and has_convolutions(module) and _gains(device)


def _gains(device: torch.device) -> bool:
    """Whether convolutions on a device are faster in bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    if device.type != "cpu":
        return False
    return torch.cpu._is_amx_tile_supported() or (torch.cpu._is_avx512_bf16_supported() and _is_amd())


@cache
def _is_amd() -> bool:
    described = Path("/proc/cpuinfo")
    return "AuthenticAMD" in (described.read_text() if described.exists() else platform.processor())
