"""`Graph`: an ONNX graph under construction."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike, NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20  # the first with RegexFullMatch
_ML_OPSET = 4
_IR = 10
_INSIDE = "equipoise/"  # prefix of inner values
_ELEMENTS = {
    "category": TensorProto.STRING,
    "image": TensorProto.UINT8,
    "bytes": TensorProto.UINT8,
}  # of inputs; others are double


class Graph:
    """Collects inputs, nodes and constants; values are referred to by name.

    ``inputs`` are kind and width by name: a kind of `TablePreprocessor`, "matrix", or "image", of so many channels; of
    pixels as an array "matrix" or "bytes", and the width is the shape of a row. ``formats`` are those of numbers and
    dates in columns of text.
    """

    def __init__(self) -> None:
        self.inputs: dict[str, tuple[str, int | tuple[int, ...]]] = {}
        self.formats: dict[str, str] = {}
        self.image_shape: tuple[int, int, int] | None = None
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def input(self, name: str, kind: str, width: int | tuple[int, ...] = 1) -> str:
        """Add an input of shape (n, width), strings for a category, else double; return its name.

        Images are bytes of shape (n, height, width, channels); the width of pixels is the shape of a row.
        """
        if not name or name.startswith(_INSIDE):
            raise ValueError(f"An input of an ONNX graph cannot be called {name!r}. Rename the column.")
        if self.inputs.setdefault(name, (kind, width)) != (kind, width):
            raise ValueError(
                f"Column {name!r} is a {self.inputs[name][0]} in one part of the model and a {kind} in another, but an "
                "input of an ONNX graph has one kind. Fix it with the parameter kinds of TablePreprocessor."
            )
        return name

    def constant(self, values: ArrayLike, dtype: DTypeLike | None = None) -> str:
        """Add a constant tensor, once for equal ones; return its name."""
        array = np.asarray(values, dtype=dtype, order="C")
        content = repr(array.tolist()).encode() if array.dtype == object else array.tobytes()
        key = (str(array.dtype), array.shape, content)
        if key not in self._known:
            self._known[key] = name = f"{_INSIDE}constant {len(self._known)}"
            self._constants.append(numpy_helper.from_array(array, name))
        return self._known[key]

    def add(self, operator: str, *inputs: str, domain: str = "", output: int = 0, **attributes: Any) -> str:
        """Add a node; return the name of its output, of several of the one at a position."""
        names = [f"{_INSIDE}{operator} {len(self._nodes)}{f'.{i}' if output else ''}" for i in range(output + 1)]
        self._nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names[output]

    def cast(self, value: str, dtype: DTypeLike) -> str:
        """Add a cast; return the name of its output."""
        return self.add("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def finish(self, outputs: dict[str, tuple[str, int, list[Any]]], metadata: dict[str, str]) -> onnx.ModelProto:
        """Return the model.

        Outputs are (value, element type, shape) by name.
        """
        nodes = [*self._nodes, *(helper.make_node("Identity", [value], [n]) for n, (value, _, _) in outputs.items())]
        inputs = []
        for name, (kind, width) in self.inputs.items():
            element = _ELEMENTS.get(kind, TensorProto.DOUBLE)
            sides = width if isinstance(width, tuple) else (width,)
            shape: list[Any] = ["n", "height", "width", width] if kind == "image" else ["n", *sides]
            inputs.append(helper.make_tensor_value_info(name, element, shape))
        results = [helper.make_tensor_value_info(name, kind, shape) for name, (_, kind, shape) in outputs.items()]
        graph = helper.make_graph(nodes, "equipoise", inputs, results, self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR, producer_name="equipoise")
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model


def element_type(labels: NDArray[Any]) -> int:
    """Return the ONNX element type of labels."""
    return TensorProto.STRING if labels.dtype == object else helper.np_dtype_to_tensor_dtype(labels.dtype)
