"""Labels safe to print."""

import re
from ast import literal_eval
from collections.abc import Collection

from markupsafe import Markup, escape

# Controls, halves of surrogate pairs and non-characters have no place in HTML or SVG; marks that turn the
# direction of writing would let a label rearrange the words around it.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_QUOTED = re.compile(r"""(?<!\w)(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?!\w)""")
_CODE = re.compile(r"`([^`]*)`|(?<!\S)--[a-z][a-z-]*")
_MISSING = re.compile(r"(--missing-values ).*?(?=\.?$|[.;] )")


def clean(text: str) -> str:
    r"""Replace what cannot be printed; tabs and line ends stay.

    >>> clean("a\x00b")
    'a\ufffdb'
    """
    return _UNPRINTABLE.sub("\ufffd", text)


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
    text = _CODE.sub(r'<code class="option">\g<0></code>', str(escape(clean(text))))
    return Markup(re.sub(r'<code class="option">`([^`]*)`', r"<code>\1", text))
