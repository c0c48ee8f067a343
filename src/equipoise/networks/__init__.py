"""Networks with a leading replica axis: R of them train as one."""

from equipoise.networks.cosine import CosineLinear, CosineMLPStack
from equipoise.networks.mlp import MLPStack
from equipoise.networks.modules import ModuleStack, accepts_vmap, fresh_copy
from equipoise.networks.scalar_head import ScalarHead, factored_perceptron

Stack = MLPStack | ModuleStack

__all__ = [
    "CosineLinear",
    "CosineMLPStack",
    "MLPStack",
    "ModuleStack",
    "ScalarHead",
    "Stack",
    "accepts_vmap",
    "factored_perceptron",
    "fresh_copy",
]
