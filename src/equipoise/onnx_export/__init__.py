"""A fitted classifier as one ONNX graph, from the cells of a table or from pixels to probabilities and decisions.

Needs the packages onnx, and onnxruntime to run what it writes: ``pip install equipoise[onnx]``.
"""

try:
    import onnx  # noqa: F401
except ImportError as error:
    raise ImportError("Exporting to ONNX needs the packages of an extra: pip install 'equipoise[onnx]'.") from error

from equipoise.onnx_export.export import export_onnx, onnx_inputs

__all__ = ["export_onnx", "onnx_inputs"]
