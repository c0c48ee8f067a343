"""``equipoise export``: a saved model as one ONNX graph."""

from pathlib import Path

from equipoise.cli.output import say
from equipoise.files import check_output


def export(model: Path, /, *, onnx: Path) -> None:
    """Write a saved model as one ONNX graph, from cells of a table, or pixels, to decisions.

    Parameters
    ----------
    model
        Folder or zip file of a model that `fit` or `compare` saved.
    onnx
        File to write.
    """
    check_output(onnx)

    from equipoise import persistence

    try:
        from equipoise.onnx_export import export_onnx
    except ImportError as error:  # its packages are an extra
        raise ValueError(str(error)) from error
    export_onnx(persistence.load(model), onnx)
    say(f"Graph: {onnx}")
