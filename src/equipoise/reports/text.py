"""Text and numbers as a reader sees them: labels made safe to print, numbers rounded to what they tell."""

import math
import re

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
_REPLACEMENTS = dict.fromkeys(_UNPRINTABLE, "\ufffd")
_MISSING = "–"


def clean(text: str) -> str:
    r"""Replace what cannot be printed; tabs and line ends stay.

    Examples
    --------
    >>> clean("a\x00b")
    'a\ufffdb'
    """
    return text.translate(_REPLACEMENTS)


def short(text: str, limit: int = 28) -> str:
    """Put a label on one line of at most ``limit`` characters.

    Examples
    --------
    >>> short("no shorter than it has to be", 12)
    'no shorter …'
    """
    line = " ".join(clean(text).split()) or "(blank)"
    return line if len(line) <= limit else line[: limit - 1] + "…"


def marked(text: str) -> Markup:
    """Put what stands between backticks into code; the rest is escaped.

    Examples
    --------
    >>> marked("a < b: `c`")
    Markup('a &lt; b: <code>c</code>')
    """
    return Markup(re.sub("`([^`]*)`", r"<code>\1</code>", str(escape(clean(text)))))


def number(value: float, digits: int = 3) -> str:
    """Write a number to so many decimals, with a true minus sign; a dash where there is none.

    Examples
    --------
    >>> number(-0.12345), number(float("nan"))
    ('−0.123', '–')
    """
    if not math.isfinite(value):
        return _MISSING
    return f"{value:.{digits}f}".replace("-", "−")


def p_value(value: float) -> str:
    """Write a p-value, to three decimals; what is below the least of them as such.

    Examples
    --------
    >>> p_value(0.0132), p_value(0.00001)
    ('0.013', '<0.001')
    """
    return "<0.001" if value < 0.0005 else number(value)


def p_equals(value: float) -> str:
    """Write a p-value after its letter: ``= 0.012`` or ``<0.001``."""
    text = p_value(value)
    return text if text.startswith("<") else f"= {text}"


def signed(value: float) -> str:
    """Write a difference with its sign, to three decimals."""
    rounded = round(value, 3) + 0.0  # a zero without a sign
    return f"+{rounded:.3f}" if rounded > 0 else number(rounded)


def between(low: float, high: float) -> str:
    """Write an interval; a dash where there is none."""
    return f"{number(low)} to {number(high)}" if math.isfinite(low) else _MISSING


def count(value: float) -> str:
    """Write a count with separators, and a mean of counts to one decimal.

    Examples
    --------
    >>> count(12345.0), count(2.5)
    ('12,345', '2.5')
    """
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def percent(share: float) -> str:
    """Write a share to about two digits, so that a rare class is never 0%.

    Examples
    --------
    >>> percent(0.104), percent(0.00172), percent(1.0)
    ('10%', '0.17%', '100%')
    """
    if not math.isfinite(share):
        return _MISSING
    value = 100 * share
    return f"{value:.0f}%" if value >= 9.5 or value == 0 else f"{value:.2g}%"


def seconds(value: float) -> str:
    """Write a length of time.

    Examples
    --------
    >>> seconds(0.2), seconds(75), seconds(4000)
    ('0.20 s', '1 min 15 s', '1 h 6 min')
    """
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
