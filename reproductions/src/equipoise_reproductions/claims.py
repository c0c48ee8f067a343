"""A claim of a paper, what was measured for it, and the verdict that follows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from equipoise.experiments.statistics import Interval
from equipoise.text import number

HOLDS, IN_PART, FAILS, UNTESTED = "holds", "holds in part", "does not hold", "cannot be tested"


@dataclass(frozen=True)
class Statement:
    """One comparison that a claim comes down to: it holds if a number is above zero.

    Attributes
    ----------
    text : str
        What the number is.
    value : Interval
        With its 95% interval.
    """

    text: str
    value: Interval

    @property
    def holds(self) -> bool:
        """Whether the estimate is above zero."""
        return self.value.mean > 0

    @property
    def sure(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.value.low > 0 or self.value.high < 0


@dataclass(frozen=True)
class Claim:
    """A claim and its statements.

    Attributes
    ----------
    name : str
        Such as "R1".
    text : str
        Claim of the paper.
    where : str
        Its place in the paper.
    statements : sequence of Statement
    differs : str
        What differs from the paper's setting.
    """

    name: str
    text: str
    where: str
    statements: Sequence[Statement]
    differs: str = ""

    @property
    def verdict(self) -> str:
        """Judge the claim.

        It holds if all estimates are as claimed and no interval leaves it open; does not hold if no estimate is as
        claimed; else holds in part.
        """
        if not self.statements:
            return UNTESTED
        as_claimed = [statement.holds for statement in self.statements]
        if not any(as_claimed):
            return FAILS
        return HOLDS if all(as_claimed) and all(s.sure for s in self.statements) else IN_PART

    @property
    def summary(self) -> str:
        """Number of comparisons that point the claimed way, and of significant ones."""
        if not self.statements:
            return "There are no results for this claim"
        held = [statement for statement in self.statements if statement.holds]
        sure, against = sum(s.sure for s in held), sum(s.sure for s in self.statements if not s.holds)
        return (
            f"{len(held)} of {len(self.statements)} comparisons point the claimed way ({sure} significantly); "
            f"{against} significantly the opposite way"
        )

    @property
    def weakest(self) -> str:
        """The comparison that supports the claim least, with its value."""
        least = min(self.statements, key=lambda statement: statement.value.mean)
        return f"{least.text}: {in_words(least.value)}"


def in_words(value: Interval) -> str:
    """Write a mean and its interval, if there is one."""
    known = not math.isnan(value.low)
    return f"{number(value.mean)} ({f'{number(value.low)} to {number(value.high)}' if known else 'no interval'})"


def as_markdown(claims: Sequence[Claim], command: str) -> str:
    """Write claims as a Markdown table, a row a claim."""
    head = "| id | claim | verdict | measured | what differs | command |\n| --- | --- | --- | --- | --- | --- |\n"
    return head + "".join(
        f"| {c.name} | {c.text} ({c.where}) | **{c.verdict}** | {c.summary}."
        f"{f' Least: {c.weakest}.' if c.statements else ''} | {c.differs} | `{command}` |\n"
        for c in claims
    )
