"""Networks with a leading replica axis: R of them train as one."""

from equipoise.networks.mlp import MLPStack
from equipoise.networks.modules import ModuleStack, accepts_vmap, fresh_copy

__all__ = ["MLPStack", "ModuleStack", "accepts_vmap", "fresh_copy"]
