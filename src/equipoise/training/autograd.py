"""The state of torch that training needs, whatever the caller has set: gradients on, and float32 by default."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

_lock = Lock()
_depth = 0
_theirs = torch.float32


@contextmanager
def trainable() -> Iterator[None]:
    """Train under ``torch.no_grad``, ``torch.inference_mode`` and any default type as without them.

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
