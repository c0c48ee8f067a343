"""Words and sentences that reports, errors and notes share."""

from collections.abc import Iterable


def listed(words: Iterable[object], last: str = "and", most: int | None = None) -> str:
    """Join words as in a sentence.

    Parameters
    ----------
    words : iterable
    last : str, default="and"
        Word before the last one.
    most : int, optional
        Words to show; of the others, their number. None shows all.

    Examples
    --------
    >>> listed(["smote", "under", "remix"])
    'smote, under and remix'
    >>> listed([1, 2], last="or"), listed(range(9), most=3)
    ('1 or 2', '0, 1, 2 and 6 more')
    """
    texts = [str(word) for word in words]
    if most is not None and len(texts) > most + 1:
        texts = [*texts[:most], f"{len(texts) - most} more"]
    return f" {last} ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "repeat"), counted(1200, "row"), counted(0, "class", "classes")
    ('1 repeat', '1,200 rows', '0 classes')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
