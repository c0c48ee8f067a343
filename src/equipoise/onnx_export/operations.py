"""Operations of torch's core set as nodes of an ONNX graph, for networks that read images."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from equipoise.onnx_export.graph import Graph

Emit = Callable[..., Any]


def _dtype(node: Any) -> Any:
    return torch.empty(0, dtype=node.meta["val"].dtype).numpy().dtype


def _value(graph: Graph, node: Any, value: Any) -> str:
    """Return a value of the graph; numbers get the type of the node."""
    return value if isinstance(value, str) else graph.constant(value, _dtype(node))


def _plain(name: str, **attributes: Any) -> Emit:
    return lambda graph, node, *inputs, **_: graph.add(name, *(_value(graph, node, x) for x in inputs), **attributes)


def _scaled(name: str) -> Emit:
    def write(graph: Graph, node: Any, x: Any, y: Any, alpha: float = 1) -> str:
        y = _value(graph, node, y)
        if alpha != 1:
            y = graph.add("Mul", y, graph.constant(alpha, _dtype(node)))
        return graph.add(name, _value(graph, node, x), y)

    return write


def _over(name: str) -> Emit:
    """Write a reduction over some axes, or all."""

    def write(graph: Graph, node: Any, x: str, axes: Any = None, keepdim: bool = False, **_: Any) -> str:
        axes = [axes] if isinstance(axes, int) else axes
        chosen = [graph.constant(axes, np.int64)] if axes else []
        return graph.add(name, x, *chosen, keepdims=int(keepdim))

    return write


def _same(graph: Graph, node: Any, x: str, *_: Any, **__: Any) -> str:
    return x


def _convolution(
    graph: Graph,
    node: Any,
    x: str,
    weight: str,
    bias: str | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    _: Any,
    groups: int,
) -> str:
    if transposed:
        raise ValueError("The network has a transposed convolution, which has no ONNX graph here.")
    inputs = (x, weight) if bias is None else (x, weight, bias)
    return graph.add("Conv", *inputs, strides=stride, pads=[*padding, *padding], dilations=dilation, group=groups)


def _batch_norm(
    graph: Graph, node: Any, x: str, weight: str | None, bias: str | None, mean: str, var: str, _: Any, eps: float
) -> list[str]:
    width = int(node.args[3].meta["val"].shape[0])
    dtype = np.float32 if node.meta["val"][0].dtype == torch.float32 else np.float64
    scale = weight or graph.constant(np.ones(width), dtype)
    shift = bias or graph.constant(np.zeros(width), dtype)
    return [graph.add("BatchNormalization", x, scale, shift, mean, var, epsilon=eps)]


def _pool(name: str, graph: Graph, x: str, kernel: Any, stride: Any, padding: Any, ceil: bool, **more: Any) -> str:
    window: dict[str, Any] = {
        "kernel_shape": _pair(kernel),
        "strides": _pair(stride or kernel),
        "pads": _pair(padding) * 2,
    }
    return graph.add(name, x, **window, ceil_mode=int(ceil), **more)


def _pair(value: Any) -> list[int]:
    given = [value] if isinstance(value, int) else list(value)
    return given * 2 if len(given) == 1 else given


def _clamp(graph: Graph, node: Any, x: str, low: Any = None, high: Any = None) -> str:
    bounds = [graph.constant(bound, _dtype(node)) if bound is not None else "" for bound in (low, high)]
    return graph.add("Clip", x, *bounds)


def _slice(graph: Graph, node: Any, x: str, axis: int = 0, start: Any = 0, end: Any = None, step: int = 1) -> str:
    last = np.iinfo(np.int64).max if end is None else min(end, np.iinfo(np.int64).max)
    return graph.add("Slice", x, *(graph.constant([each], np.int64) for each in (start or 0, last, axis, step)))


def _view(graph: Graph, node: Any, x: str, shape: list[Any]) -> str:
    """Write a new shape; the number of rows, which is not known, can stand first only."""
    free = [i for i, side in enumerate(shape) if not isinstance(side, int)]
    if free not in ([], [0]):
        raise ValueError("The network reshapes its rows together, which has no ONNX graph here.")
    return graph.add("Reshape", x, graph.constant([0 if i in free else side for i, side in enumerate(shape)], np.int64))


def _pad(graph: Graph, node: Any, x: str, pads: list[int], value: float = 0.0) -> str:
    n_axes, before, after = len(node.meta["val"].shape), pads[0::2], pads[1::2]
    fill = [0] * (n_axes - len(before))
    around = [*fill, *before[::-1], *fill, *after[::-1]]
    return graph.add("Pad", x, graph.constant(around, np.int64), graph.constant(value, _dtype(node)))


def _full(graph: Graph, node: Any, like: Any, value: float, *_: Any, **__: Any) -> str:
    shape = [int(side) for side in node.meta["val"].shape]  # raises where it depends on the number of rows
    return graph.constant(np.full(shape, value), _dtype(node))


def _axes(name: str) -> Emit:
    def write(graph: Graph, node: Any, x: str, axes: Any) -> str:
        return graph.add(name, x, graph.constant([axes] if isinstance(axes, int) else axes, np.int64))

    return write


def _norm(graph: Graph, node: Any, x: str, order: float = 2, axes: Any = None, keepdim: bool = False) -> Any:
    if not math.isclose(order, 2):
        raise ValueError(f"The network has norms of order {order}, which have no ONNX graph here.")
    return _over("ReduceL2")(graph, node, x, axes, keepdim)


_PLAIN = {
    "Relu": "relu.default", "Sigmoid": "sigmoid.default", "Tanh": "tanh.default", "Exp": "exp.default",
    "Log": "log.default", "Sqrt": "sqrt.default", "Abs": "abs.default", "Neg": "neg.default",
    "Max": "maximum.default", "Min": "minimum.default", "Mul": "mul.Tensor mul.Scalar",
    "Div": "div.Tensor div.Scalar", "Pow": "pow.Tensor_Scalar", "MatMul": "mm.default bmm.default",
}  # fmt: skip
OPERATIONS: dict[str, Emit] = {
    **{operation: _plain(name) for name, operations in _PLAIN.items() for operation in operations.split()},
    "_assert_tensor_metadata.default": lambda graph, node, *_, **__: None,
    "getitem": lambda graph, node, values, place: values[place],
    "sym_size.int": lambda graph, node, x, axis: None,  # of rows, which `_view` leaves free
    "convolution.default": _convolution,
    "_native_batch_norm_legit_no_training.default": _batch_norm,
    "max_pool2d_with_indices.default": lambda graph, node, x, kernel, stride=(), padding=0, dilation=1, ceil=False: [
        _pool("MaxPool", graph, x, kernel, stride, padding, ceil, dilations=_pair(dilation))
    ],
    "avg_pool2d.default": lambda graph, node, x, kernel, stride=(), padding=0, ceil=False, pad=True: _pool(
        "AveragePool", graph, x, kernel, stride, padding, ceil, count_include_pad=int(pad)
    ),
    **{f"{name}.{kind}": _scaled(name.capitalize()) for name in ("add", "sub") for kind in ("Tensor", "Scalar")},
    "gelu.default": lambda graph, node, x, approximate="none": graph.add("Gelu", x, approximate=approximate),
    "leaky_relu.default": lambda graph, node, x, slope=0.01: graph.add("LeakyRelu", x, alpha=slope),
    "elu.default": lambda graph, node, x, alpha=1.0: graph.add("Elu", x, alpha=alpha),
    "hardtanh.default": lambda graph, node, x, low=-1.0, high=1.0: _clamp(graph, node, x, low, high),
    "clamp.default": _clamp,
    "mean.dim": _over("ReduceMean"),
    "amax.default": _over("ReduceMax"),
    "sum.dim_IntList": _over("ReduceSum"),
    "linalg_vector_norm.default": _norm,
    "addmm.default": lambda graph, node, bias, x, y: graph.add("Add", graph.add("MatMul", x, y), bias),
    "permute.default": lambda graph, node, x, order: graph.add("Transpose", x, perm=order),
    "view.default": _view,
    "squeeze.dims": _axes("Squeeze"),
    "unsqueeze.default": _axes("Unsqueeze"),
    "cat.default": lambda graph, node, parts, axis=0: graph.add("Concat", *parts, axis=axis),
    "slice.Tensor": _slice,
    "constant_pad_nd.default": _pad,
    "full_like.default": _full,
    "full.default": _full,
    "clone.default": _same,
    "alias.default": _same,
    "_to_copy.default": lambda graph, node, x, *_, **__: graph.cast(x, _dtype(node)),
}
"""What writes an operation of torch's core set: ``(graph, node, *arguments) -> value``."""
