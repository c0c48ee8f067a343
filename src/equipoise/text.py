"""Words, sentences and numbers as reports, errors and notes write them."""

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_LEAST_PERCENT = 1e-4
_MISSING = "–"


def listed(words: Iterable[object], last: str = "and", most: int | None = None) -> str:
    """Join words as in a sentence.

    Of more than ``most`` words the number of the others is told.

    >>> listed(["smote", "under", "remix"])
    'smote, under and remix'
    >>> listed([1, 2], last="or"), listed(range(9), most=3)
    ('1 or 2', '0, 1, 2 and 6 more')
    """
    texts = [str(word) for word in words]
    if most is not None and len(texts) > most + 1:
        texts = [*texts[:most], f"{len(texts) - most} more"]
    return f" {last} ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def near_names(wanted: str, names: Sequence[str]) -> list[str]:
    """Return the names like one that is not there, however their letters are cased, the nearest first.

    >>> near_names("Vorschäden", ["Vorschaeden", "alter "]), near_names("Alter", ["Vorschaeden", "alter "])
    (['Vorschaeden'], ['alter '])
    """
    folded = {name.strip().casefold(): name for name in names}
    return [folded[found] for found in get_close_matches(wanted.strip().casefold(), folded)]


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun.

    >>> counted(1, "repeat"), counted(1200, "row"), counted(0, "class", "classes")
    ('1 repeat', '1,200 rows', '0 classes')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def called(recipe: str) -> str:
    """Return the name of a recipe for a sentence, in which a bare "none" would read as no recipe at all.

    >>> called("none"), called("smote")
    ("'none'", 'smote')
    """
    return repr(recipe) if recipe == "none" else recipe


def number(value: float, digits: int = 3) -> str:
    """Write a number to so many decimals, with a true minus sign; a dash where there is none.

    >>> number(-0.12345), number(float("nan"))
    ('−0.123', '–')
    """
    if not math.isfinite(value):
        return _MISSING
    return f"{value:.{digits}f}".replace("-", "−")


def amount(value: float) -> str:
    """Write a cost or a mean count to one decimal, with separators.

    >>> amount(-1234.56), amount(float("nan"))
    ('−1,234.6', '–')
    """
    return f"{value:,.1f}".replace("-", "−") if math.isfinite(value) else _MISSING


def exact(value: float) -> str:
    """Return a figure of the user as it was given: 12345.67, and 20 rather than 20.0."""
    return repr(float(value)).removesuffix(".0")


def probability(value: float) -> str:
    """Write a probability to three decimals, or as many as show two digits of its distance to 0 or 1.

    >>> probability(0.5), probability(0.0064086), probability(0.99998)
    ('0.500', '0.0064', '0.999980')
    """
    distance = min(value, 1 - value)
    return number(value, max(3, 1 - math.floor(math.log10(distance))) if distance > 0 else 3)


def p_value(value: float) -> str:
    """Write a p-value, to three decimals; what is below the least of them as such.

    >>> p_value(0.0132), p_value(0.00001)
    ('0.013', '<0.001')
    """
    return "<0.001" if value < 0.0005 else number(value)


def signed(value: float) -> str:
    """Write a difference with its sign, to three decimals."""
    rounded = round(value, 3) + 0.0  # a zero without a sign
    return f"+{rounded:.3f}" if rounded > 0 else number(rounded)


def between(low: float, high: float) -> str:
    """Write an interval; a dash where there is none."""
    return f"{number(low)} to {number(high)}" if math.isfinite(low) else _MISSING


def count(value: float) -> str:
    """Write a count with separators, and a mean of counts to one decimal.

    >>> count(12345.0), count(2.5)
    ('12,345', '2.5')
    """
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def percent(share: float) -> str:
    """Write a share to about two digits, so that a rare class is never 0%.

    >>> percent(0.104), percent(0.00172), percent(1.0), percent(1e-32)
    ('10%', '0.17%', '100%', '<0.0001%')
    """
    if not math.isfinite(share):
        return _MISSING
    value = 100 * share
    if 0 < value < _LEAST_PERCENT:
        return f"<{_LEAST_PERCENT:.4f}%"
    return f"{value:.0f}%" if value >= 9.5 or value == 0 else f"{value:.2g}%"


def seconds(value: float) -> str:
    """Write a length of time.

    >>> seconds(0.2), seconds(75), seconds(4000), seconds(0.0001)
    ('0.20 s', '1 min 15 s', '1 h 6 min', '<0.01 s')
    """
    if 0 < value < 0.005:
        return "<0.01 s"
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
