"""Text files that a reader never sees half of."""

from pathlib import Path

from equipoise.files import replacing


def replace_file(path: Path, content: str) -> None:
    """Write a text file; nothing is left behind if that fails."""
    with replacing(path) as draft:
        draft.write_text(content, encoding="utf-8", newline="\n")
