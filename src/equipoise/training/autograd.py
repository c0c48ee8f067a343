"""The global state of torch during training: gradients on, and float32 by default."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

_lock = Lock()
_depth = 0
_theirs = torch.float32


@contextmanager
def trainable() -> Iterator[None]:
    """Make training independent of ``torch.no_grad``, ``torch.inference_mode`` and the default type of the caller.

    The default type belongs to the whole process: the first of several threads sets it, and the last restores it.
    """
    global _depth, _theirs
    with _lock:
        if not _depth:
            _theirs = torch.get_default_dtype()
            torch.set_default_dtype(torch.float32)
        _depth += 1
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        with _lock:
            _depth -= 1
            if not _depth:
                torch.set_default_dtype(_theirs)
