"""What a comparison can do within its time limit: what is cut before the run, what runs next, what must go."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from equipoise import recipes as named
from equipoise.deadline import Deadline
from equipoise.experiments.protocol import LEFT_OUT, Protocol
from equipoise.text import called, counted, listed, seconds

LEAST_SHARE = 0.1
"""Share of its gradient steps below which a network is not compared."""

FEWEST_ROWS = 1_000
"""Rows of a sample that is drawn for want of time."""

_FIRST = (named.AUTO, "none", "gbdt", "la")  # what the others are compared with
_PAIR_OF_IMAGES = ("none", named.AUTO_IMAGES)  # first at any cost: the treatment that leads where steps are few
_LEAST_STEPS_OF_IMAGES = 7  # the two get where the time carries no more
_ENOUGH_OF_IMAGES = 0.5  # of their few gradient steps, which two recipes get before a third one is compared
_WORTH = 2.0  # times the seconds of another recipe that one of these may take and still come before it
_SCORED = 1.5  # times that a cell is scored: for the leaderboard, and in parts again for the report
_MARGIN = 1.15  # of time for what the estimates do not know
_MORE_OF_IMAGES = 1.3  # times the margin for the steps of images: further recipes get what is not needed
_PARTS = 4  # a part of the work takes about this fraction of the time left; then the plan is looked at again
_PATIENCE = 2.5  # times its estimate, after which a part is ended
_FIRST_PATIENCE = 1.4  # as long as no network has a result, so that there is time to begin anew with fewer steps
_MATTERS = 0.02  # of the time limit, from which on a fit of auto has one of its own
_BLINK = 0.1  # seconds of a fit that tell nothing of the pace: what is around it takes longer
_TRACE = 0.02  # share of its steps of a network that hardly began
_SHORTER, _LONGER = 0.9, 1.5  # times the steps, from which on networks begin anew
_RECENT = 5  # recipes that tell how fast the machine is now


@dataclass(frozen=True)
class Cost:
    """Seconds of a process for a recipe on a fold."""

    around: float  # whatever the number of steps, and for all gradient steps
    steps: float = 0.0
    measured: bool = True  # or guessed from the record of the recipe

    def at(self, share: float, rows: float = 1.0) -> float:
        """Return the seconds with a share of the steps, on so many times the rows: there are no more steps on them."""
        return rows * self.around + share * self.steps


@dataclass(frozen=True)
class Costs:
    """Estimated seconds."""

    recipes: Mapping[str, Cost]
    fold: float = 0.0  # to prepare the numbers of a fold
    score: float = 0.0  # to score a recipe on a fold
    report: float = 0.0  # to write the report and save the model
    pace: float = 1.0  # seconds by the clock for one of these, until recipes tell it by what they take
    explained: bool = True  # whether the winner is asked what it uses
    ready: int = 0  # folds of the first repeat that are prepared


@dataclass(frozen=True)
class Part:
    """What is run next, what is left out from now on, and the seconds after which the part is ended."""

    recipes: list[str]
    left_out: list[str]
    seconds: float


class Schedule:
    """Decides what fits into the time left; costs are corrected by what fits take.

    Networks make ``share`` of their gradient steps. ``n_rows`` are those of the comparison, where a sample of them may
    be drawn.
    """

    def __init__(
        self,
        costs: Costs,
        deadline: Deadline,
        n_folds: int,
        n_workers: int,
        share: float = 1.0,
        n_rows: int = 0,
    ) -> None:
        self.n_rows = n_rows
        self.costs, self.deadline, self.n_folds, self.n_workers, self.share = costs, deadline, n_folds, n_workers, share
        self._factors: dict[str, float] = {}
        self._wish: Protocol | None = None
        self._knows_networks, self._may_grow = False, True

    @property
    def wished_repeats(self) -> int:
        """Repeats of the comparison before any was cut; 0 where no plan was made."""
        return 0 if self._wish is None else self._wish.n_repeats

    def learn(self, measured: Mapping[str, float], took: float | None = None) -> None:
        """Take note of the seconds of a process for recipes on a fold, and of the seconds that all of it took."""
        for recipe, value in measured.items():
            self._knows_networks |= self.costs.recipes[recipe].steps > 0
            self._factors.pop(recipe, None)  # so that it counts among the recent ones
            self._factors[recipe] = value / max(1e-9, self.costs.recipes[recipe].at(self.share))
        if took is not None and took > (alone := self.work(list(measured))) > 0:
            for recipe in measured:  # predictions, and the start of processes
                self._factors[recipe] *= took / alone

    def learn_late(self, ended: Mapping[str, float], took: float) -> None:
        """Take note of recipes that were ended after some seconds at a share of their steps: all take so much more."""
        pace, alone = self.pace, self.work(list(ended))
        for recipe, reached in ended.items():
            if (needed := took / max(_TRACE, reached)) > alone > 0:
                self._factors[recipe] = self._factors.get(recipe, pace) * needed / alone

    def correct(self, costs: Mapping[str, Cost]) -> None:
        """Take note of what recipes cost, in place of guesses."""
        self.costs = replace(self.costs, recipes={**self.costs.recipes, **costs})

    @property
    def pace(self) -> float:
        """How many times longer than estimated recipes take now."""
        long = [
            factor
            for recipe, factor in self._factors.items()
            if (cost := self.costs.recipes[recipe]).measured and cost.at(self.share) > _BLINK
        ]
        return median([self.costs.pace, *long[-_RECENT:]])

    @property
    def folds(self) -> float:
        """Seconds to prepare the folds of a repeat."""
        return self.n_folds * self.costs.fold * max(1.0, self.pace)

    def cell(self, recipe: str, share: float | None = None, rows: float = 1.0) -> float:
        """Seconds of a process for a recipe on a fold, or on so many times its rows."""
        factor = self._factors.get(recipe, self.pace)
        return factor * self.costs.recipes[recipe].at(self.share if share is None else share, rows)

    def work(self, recipes: Collection[str], share: float | None = None) -> float:
        """Seconds of all processes for recipes on the folds of a repeat, or on some of them; one idle at the end."""
        cells = {recipe: self.cell(recipe, share) for recipe in recipes}
        n_folds = recipes if isinstance(recipes, Mapping) else dict.fromkeys(recipes, self.n_folds)
        every = sum(n_folds[recipe] * seconds for recipe, seconds in cells.items())
        return (every + (self.n_workers - 1) * max(cells.values(), default=0.0)) / self.n_workers

    def tail(self, recipes: Sequence[str], n_repeats: int, share: float | None = None) -> float:
        """Seconds for scores, report, and the slowest recipe on all rows, which are made numbers, too."""
        rows = self.n_folds / max(1, self.n_folds - 1)
        refit = max((self.cell(recipe, share, rows) for recipe in recipes), default=0.0)
        scores = _SCORED * len(recipes) * self.n_folds * n_repeats * self.costs.score
        return refit + rows * self.folds / self.n_folds + max(1.0, self.pace) * (scores + self.costs.report)

    def reasons(self, recipes: Sequence[str], share: float | None = None) -> float:
        """Seconds to ask models of the folds what they use, as if a recipe of mean cost were the winner."""
        if not self.costs.explained:
            return 0.0
        cells = [self.cell(recipe, share) for recipe in recipes]
        asked = 2 * self.n_folds * sum(cells) / max(1, len(cells))  # models of the folds, fitted again and asked
        return (self.folds + asked) / self.n_workers

    def whole(self, recipes: Sequence[str], n_repeats: int = 1, share: float | None = None) -> float:
        """Seconds for a comparison from now on, with a margin."""
        folds = (n_repeats - self.costs.ready / self.n_folds) * self.folds
        return _MARGIN * (folds + n_repeats * self.work(recipes, share) + self.tail(recipes, n_repeats, share))

    def explained(self, recipes: Sequence[str], n_repeats: int = 1, share: float | None = None) -> float:
        """Seconds for a comparison that also tells why; recipes do not make way for that, repeats and steps do."""
        return self.whole(recipes, n_repeats, share) + self.reasons(recipes, share)

    def order(self, recipes: Sequence[str]) -> list[str]:
        """Return recipes in the order in which they run: the cheapest first, with a lead for what tells most."""
        pair = _PAIR_OF_IMAGES if named.AUTO_IMAGES in recipes else ()

        def place(recipe: str) -> tuple[float, int]:
            if recipe in pair:
                return 0.0, pair.index(recipe)
            seconds = self.cell(recipe, LEAST_SHARE)
            return (seconds / _WORTH, _FIRST.index(recipe)) if recipe in _FIRST else (seconds, len(_FIRST))

        return sorted(recipes, key=place)

    def cut(self, wish: Protocol) -> Protocol:
        """Return the protocol that ends in time: fewer repeats first, then fewer steps, then fewer recipes.

        Raises ValueError if not even one recipe fits.
        """
        left, recipes, n_repeats = self.deadline.left, list(wish.recipes), wish.n_repeats
        self._wish = wish
        while n_repeats > 1 and self.explained(recipes, n_repeats) > left:
            n_repeats -= 1
        kept = self._kept(recipes, n_repeats, images=wish.images)
        if not kept:
            wish = replace(wish, notes=(*wish.notes, self._try(quickest := self._quickest(recipes))))
            kept = [quickest]
        self._set_share(self._largest_share(kept, n_repeats), wish.max_steps)
        return self._told(wish, kept, n_repeats)

    def _kept(self, recipes: Sequence[str], n_repeats: int, *, images: bool) -> list[str]:
        kept: list[str] = []
        for recipe in self.order(recipes):
            further = images and len(kept) >= 2
            share, margin = (_ENOUGH_OF_IMAGES, _MORE_OF_IMAGES) if further else (self._least, 1.0)
            if margin * self.whole([*kept, recipe], n_repeats, share) <= self.deadline.left:
                kept.append(recipe)
        return kept

    def rows_share(self, wish: Protocol) -> float:
        """Return the share of the rows on which two recipes, or the only one, fit into the time left.

        It is 1 where one fits on all rows already, and where no sample helps.
        """
        if wish.images or self._kept(wish.recipes, 1, images=False):
            return 1.0
        share, n_wanted = 1.0, min(2, len(wish.recipes))
        while (share := share / 2) * self.n_rows >= FEWEST_ROWS:
            if len(self.on_rows(share, share)._kept(wish.recipes, 1, images=False)) >= n_wanted:
                return share
        return 1.0

    def on_rows(self, share: float, steps: float) -> "Schedule":
        """Return the schedule of a share of the rows, on which networks plan a share of their steps."""
        costs = self.costs
        found = {
            name: replace(cost, around=cost.around * share ** named.get(name).growth, steps=cost.steps * steps)
            for name, cost in costs.recipes.items()
        }
        fewer = replace(costs, recipes=found, fold=share * costs.fold, score=share * costs.score, ready=0)
        return Schedule(fewer, self.deadline, self.n_folds, self.n_workers, n_rows=round(share * self.n_rows))

    @property
    def _least(self) -> float:
        """Share of their gradient steps that the first recipes make at least."""
        if self._wish is None or not self._wish.images:
            return LEAST_SHARE
        return min(LEAST_SHARE, _LEAST_STEPS_OF_IMAGES / self._wish.max_steps)

    @property
    def _margin(self) -> float:
        """Times the margin for gradient steps."""
        return _MORE_OF_IMAGES if self._wish is not None and self._wish.images else 1.0

    def _set_share(self, share: float, whole_steps: int) -> None:
        """Set the share of so many steps, as steps are whole."""
        self.share = max(1, round(share * whole_steps)) / whole_steps if share < 1 else 1.0

    def shortened(self, protocol: Protocol) -> tuple[Protocol, list[str]] | None:
        """Return a protocol of fewer gradient steps that ends in time, now that fits take longer, and what to say.

        None where that does not help. The results of networks that made more steps are no longer comparable.
        """
        if self._wish is None:
            return None
        kept = self._kept(protocol.recipes, 1, images=protocol.images)
        if (share := self._largest_share(kept, 1)) > _SHORTER * self.share:
            return None
        self._may_grow = False
        said = "The work takes longer than estimated, so the plan was cut once more."
        return self._anew(kept, protocol.n_repeats, share, said)

    def lengthened(self, protocol: Protocol, waiting: Sequence[str]) -> tuple[Protocol, list[str]] | None:
        """Return a protocol of more gradient steps that ends in time, now that fits take less, and what to say.

        Recipes that wait come first, as they do in a plan. None where it would be about the same, or was cut before.
        """
        if self._wish is None or not self._may_grow or self.share == 1:
            return None
        kept = self._kept([*protocol.recipes, *waiting], 1, images=protocol.images)
        if not {*protocol.recipes} <= {*kept} or (share := self._largest_share(kept, 1)) < _LONGER * self.share:
            return None
        added = listed([called(recipe) for recipe in kept if recipe not in protocol.recipes])
        said = f"The work takes less than estimated, so the plan was made again{f', with {added}' if added else ''}."
        return self._anew(kept, protocol.n_repeats, share, said)

    def _anew(self, kept: Sequence[str], n_repeats: int, share: float, said: str) -> tuple[Protocol, list[str]] | None:
        """Return the protocol of such a plan, and what to say; None where no network takes part."""
        if self._wish is None or not any(self.costs.recipes[recipe].steps for recipe in kept):
            return None
        self._set_share(share, self._wish.max_steps)
        before = (*self._wish.notes, said)
        again = self._told(replace(self._wish, notes=before), kept, n_repeats)
        return again, list(again.notes[len(before) - 1 :])

    def _quickest(self, recipes: Sequence[str]) -> str:
        return min(recipes, key=lambda recipe: self.whole([recipe], 1, self._least))

    def _try(self, recipe: str) -> str:
        """Let the quickest recipe begin although it seems too slow, and say so: estimates err, and it can be ended."""
        needed = self.whole([recipe], 1, self._least)
        if self.deadline.left < 2 * self.costs.report:
            raise ValueError(self._too_short(recipe, needed))
        self._factors[recipe] = self.pace * self.deadline.left / (2 * needed)
        return (
            f"Even {called(recipe)}, the quickest, may need about {seconds(self.deadline.spent + needed)}, longer than "
            f"the time limit of {self.deadline}: it is tried alone, and others where time is left."
        )

    def _largest_share(self, recipes: Sequence[str], n_repeats: int) -> float:
        left = self.deadline.left / self._margin
        if self.explained(recipes, n_repeats, 1.0) <= left:
            return 1.0
        low, high = self._least, 1.0
        for _ in range(20):
            middle = (low + high) / 2
            low, high = (middle, high) if self.explained(recipes, n_repeats, middle) <= left else (low, middle)
        return low

    def _too_short(self, quickest: str, needed: float) -> str:
        least = self.deadline.spent + needed
        return (
            f"No recipe can be compared within the time limit of {self.deadline}: the quickest, {quickest!r}, needs "
            f"about {seconds(least)} with reading and report. {self.deadline.remedy(least)}"
        )

    def _told(self, wish: Protocol, kept: Sequence[str], n_repeats: int) -> Protocol:
        notes, in_time = list(wish.notes), f"to meet the time limit of {self.deadline}"
        if n_repeats < wish.n_repeats:
            notes.append(f"{counted(n_repeats, 'repeat')} instead of {wish.n_repeats} {in_time}.")
        max_steps, auto_seconds = wish.max_steps, None
        has_steps = any(map(named.is_neural, kept))
        if self.share < 1 and has_steps:
            max_steps = max(1, round(self.share * max_steps))
            longer = self.deadline.spent + self._margin * self.explained(wish.recipes, 1, 1.0)
            notes.append(
                f"{max_steps:,} gradient steps per network instead of {wish.max_steps:,} {in_time}; "
                f"{self.deadline.enough(longer)} is enough for all steps of all recipes."
            )
        of_auto = self.cell(named.AUTO) if named.AUTO in kept else 0.0
        if of_auto > _MATTERS * self.deadline.limit:
            auto_seconds = 2 * of_auto
        if of_auto and self.share < 1:
            auto_seconds = round(of_auto, 3)
            notes.append(f"auto: at most {seconds(auto_seconds)} a fit, about {self.share:.0%} of its time, {in_time}.")
        if left_out := [recipe for recipe in wish.recipes if recipe not in kept]:
            whole = {recipe: self.n_folds * self.cell(recipe, 1.0) / self.n_workers for recipe in left_out}
            named_so = listed([f"{called(recipe)} (about {seconds(whole[recipe])} in all)" for recipe in left_out])
            notes.append(f"{LEFT_OUT}{in_time}: {named_so}.")
        recipes = tuple(recipe for recipe in wish.recipes if recipe in kept)
        return replace(
            wish,
            recipes=recipes,
            n_repeats=n_repeats,
            max_steps=max_steps,
            auto_seconds=auto_seconds,
            notes=tuple(notes),
            share=self.share if has_steps or named.AUTO in kept else 1.0,
        )

    def part(self, pending: Mapping[str, int], recipes: Sequence[str], n_repeats: int) -> Part:
        """Return what to run next.

        ``pending`` recipes miss folds of this repeat, the last of ``n_repeats``.
        """
        kept = self.order([*pending])
        done = [recipe for recipe in recipes if recipe not in kept]
        left = self.deadline.left - self.tail([*done, *kept], n_repeats)

        def of(some: Sequence[str]) -> dict[str, int]:
            return {recipe: pending[recipe] for recipe in some}

        while kept and (self.work(of(kept)) > left or left <= 0):
            kept.pop()
            left = self.deadline.left - self.tail([*done, *kept], n_repeats)
        of_steps = [self.costs.recipes[recipe].steps > 0 for recipe in kept[:2]]
        untried = not self._knows_networks and of_steps[:1] == [True]
        run = kept[: 2 if untried and all(of_steps) else 1]  # networks of two recipes, so that both get equal steps
        while len(run) < len(kept) and self.work(of(kept[: len(run) + 1])) <= left / _PARTS:
            run.append(kept[len(run)])
        work, last = self.work(of(run)), len(run) == len(kept)
        enough = max(_FIRST_PATIENCE * work, left / _PARTS) if untried else max(_PATIENCE * work, left / 2)
        enough = left if untried and last else enough  # networks that are too slow end early by themselves
        return Part(run, [recipe for recipe in pending if recipe not in kept], max(0.0, min(left, enough)))

    def affords_repeat(self, pending: Mapping[str, int], n_repeats: int) -> bool:
        """Whether one more repeat, the last of so many, ends in time."""
        recipes = [*pending]
        a_repeat = _MARGIN * (self.folds + self.work(pending))
        return a_repeat + self.tail(recipes, n_repeats) + self.reasons(recipes) <= self.deadline.left

    def room(self, recipes: Sequence[str]) -> float:
        """Seconds that scores, report, refit and reasons of some recipes leave."""
        return self.deadline.left - self.tail(recipes, 1) - self.reasons(recipes)

    def seconds_after_all(self, pending: Mapping[str, int], recipes: Sequence[str], *, hopeful: bool) -> float:
        """Seconds for the folds that a recipe misses, beside others that are done with the first repeat.

        0 where they are not enough, for the hopeful by what was planned.
        """
        room, work = self.room([*recipes, *pending]), self.work(pending)
        planned = Schedule(self.costs, self.deadline, self.n_folds, self.n_workers, self.share)
        least = min(work, planned.work(pending)) if hopeful else work
        return min(room, max(_PATIENCE * work, room / 2)) if _MARGIN * least <= room else 0.0
