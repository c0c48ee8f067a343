"""Files that a reader never sees half of."""

import os
from pathlib import Path


def replace_file(path: Path, content: str) -> None:
    """Write a file beside the old one, then put it in its place; nothing is left behind if that fails."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(content, encoding="utf-8", newline="\n")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
