"""The two halves of the comparison suite: sources that choices are made on, and sources kept for the proof."""

from equipoise import datasets


def halves() -> tuple[list[str], list[str]]:
    """Divide the suite's sets by source: of the sources in order of their names, every second one is looked at.

    Returns
    -------
    seen, unseen : list of str
        Names of sets, in the suite's order: those that choices are made on, and those that are never looked at
        before a choice is final. Sets of one source stay together.

    Examples
    --------
    >>> from equipoise_reproductions.auto_suite import halves
    >>> seen, unseen = halves()
    >>> len(seen), len(unseen)
    (14, 14)
    """
    families = datasets.suite()
    looked_at = set(sorted(set(families.values()))[::2])
    seen = [name for name, family in families.items() if family in looked_at]
    return seen, [name for name in families if name not in seen]
