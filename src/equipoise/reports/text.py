"""Labels safe to print."""

import re
from ast import literal_eval
from collections.abc import Collection

from markupsafe import Markup, escape

# Controls, halves of surrogate pairs and non-characters have no place in HTML or SVG; marks that turn the
# direction of writing would let a label rearrange the words around it.
_UNPRINTABLE = [
    *range(9),
    11,
    12,
    *range(14, 32),
    *range(127, 160),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    *range(0xD800, 0xE000),
    0xFFFE,
    0xFFFF,
]
_QUOTED = re.compile(r"""(?<!\w)(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?!\w)""")
_CODE = re.compile(r"`([^`]*)`|(?<!\S)--[a-z][a-z-]*")
_MISSING = re.compile(r"(--missing-values ).*?(?=\.?$|[.;] )")
_REPLACEMENTS = dict.fromkeys(_UNPRINTABLE, "\ufffd")


def clean(text: str) -> str:
    r"""Replace what cannot be printed; tabs and line ends stay.

    >>> clean("a\x00b")
    'a\ufffdb'
    """
    return text.translate(_REPLACEMENTS)


def without_values(text: str, names: Collection[str]) -> str:
    """Replace what is quoted in a sentence on a table, but for names: cells are not for every report.

    >>> without_values("Column 'ward' holds '?' (2) as categories: use --missing-values '?'.", {"ward"})
    "Column 'ward' holds … (2) as categories: use --missing-values …."
    """
    text = _MISSING.sub(r"\1…", text)
    return _QUOTED.sub(lambda found: found[0] if literal_eval(found[0]) in names else "…", text)


def short(text: str, limit: int = 28) -> str:
    """Put a label on one line of at most ``limit`` characters.

    >>> short("no shorter than it has to be", 12)
    'no shorter …'
    """
    line = " ".join(clean(text).split()) or "(blank)"
    return line if len(line) <= limit else line[: limit - 1] + "…"


def short_within(text: str, limit: int = 28) -> str:
    """Put a label on one line of at most ``limit`` characters, cut in the middle: long names differ at their ends.

    >>> short_within("carcinoma, left lower lobe", 12)
    'carcin… lobe'
    """
    line = short(text, len(text) + 9)
    return line if len(line) <= limit else f"{line[: limit // 2]}…{line[len(line) + 1 - (limit + 1) // 2 :]}"


def marked(text: str) -> Markup:
    """Mark text between backticks, and options of commands, as code, and escape everything.

    >>> marked("a < b: `c`, or --d-e")
    Markup('a &lt; b: <code>c</code>, or <code class="option">--d-e</code>')
    """
    return Markup(_CODE.sub(_as_code, str(escape(clean(text)))))


def _as_code(found: re.Match[str]) -> str:
    return f"<code>{found[1]}</code>" if found[1] is not None else f'<code class="option">{found[0]}</code>'
