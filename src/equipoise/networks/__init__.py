"""Networks with a leading replica axis: R of them train as one."""

from equipoise.networks.mlp import MLPStack
from equipoise.networks.modules import ModuleStack, accepts_vmap, fresh_copy

Stack = MLPStack | ModuleStack

__all__ = ["MLPStack", "ModuleStack", "Stack", "accepts_vmap", "fresh_copy"]
