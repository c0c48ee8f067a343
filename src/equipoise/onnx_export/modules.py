"""A torch module as nodes of an ONNX graph: torch.export gives its operations."""

import copy
import operator
import warnings
from typing import Any

import numpy as np
import torch
from torch import nn

from equipoise.onnx_export.graph import Graph
from equipoise.onnx_export.operations import OPERATIONS

Weights = dict[str, np.ndarray]

_BATCH = 2  # rows of the example; their number is free in the graph


class ModuleGraph:
    """The operations of a module, to be added to a graph for the weights of any member.

    The module maps ``(B, *shape)`` to logits. Raises ValueError if torch cannot trace it.
    """

    def __init__(self, module: nn.Module, shape: tuple[int, ...]) -> None:
        self._module = copy.deepcopy(module).eval().requires_grad_(False)
        like = next(self._module.parameters())
        rows = torch.zeros(_BATCH, *shape, dtype=like.dtype)
        batch = torch.export.Dim("batch")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of torch's own parts
                program = torch.export.export(self._module, (rows,), dynamic_shapes=({0: batch},), strict=False)
                self._program = program.run_decompositions()
        except Exception as error:  # any operation of a user's module may fail
            reason = " ".join(str(error).split())[:200]
            raise ValueError(f"{type(module).__name__} has no ONNX graph: torch cannot trace it ({reason}).") from error

    def add(self, graph: Graph, weights: Weights, rows: str) -> str:
        """Add the module with the weights of a member of a `FittedEnsemble`; return its logits."""
        state = {name.replace("/", "."): torch.tensor(array) for name, array in weights.items()}
        self._module.load_state_dict(state, strict=False)  # tied weights have one name there
        held = self._module.state_dict(keep_vars=False) | dict(self._module.named_buffers()) | self._program.constants
        signature = self._program.graph_signature
        names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        names |= signature.inputs_to_lifted_tensor_constants
        values: dict[str, Any] = {}
        for node in self._program.graph.nodes:
            if node.op == "placeholder":
                held_as = names.get(node.name)
                values[node.name] = rows if held_as is None else graph.constant(held[held_as].numpy())
            elif node.op == "output":
                return str(values[node.args[0][0].name])
            else:
                values[node.name] = self._node(graph, node, values)
        raise ValueError(f"{type(self._module).__name__} has no output.")

    def _node(self, graph: Graph, node: Any, values: dict[str, Any]) -> Any:
        def known(value: Any) -> Any:
            if isinstance(value, torch.fx.Node):
                return values[value.name]
            return [known(item) for item in value] if isinstance(value, list | tuple) else value

        name = "getitem" if node.target is operator.getitem else str(node.target).removeprefix("aten.")
        write = OPERATIONS.get(name)
        if write is None:
            raise ValueError(
                f"{type(self._module).__name__} has no ONNX graph: its operation {name} is not known here. Export "
                "ensemble_.to_module() with torch.onnx."
            )
        return write(graph, node, *known(node.args), **{key: known(value) for key, value in node.kwargs.items()})
