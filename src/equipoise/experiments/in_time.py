"""The run of a comparison within its time limit, part by part, on any machine and any clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol as Interface

from equipoise.experiments.plan import Cost, Schedule
from equipoise.experiments.protocol import LEFT_OUT, Protocol
from equipoise.text import called, listed

_TO_TIME = 0.2  # of the time left, to time recipes for which there was no time before
_LEAST = 0.1  # of the time limit, that must be left for a last try


class Machine(Interface):
    """What runs the parts of a comparison."""

    def pending(self, recipes: Sequence[str], repeat: int) -> dict[str, int]:
        """Return the recipes that miss results of a repeat, and of how many folds."""
        ...

    def prepare(self, repeat: int) -> None:
        """Make the numbers of the folds of a repeat, as far as they are not there."""
        ...

    def run(
        self, protocol: Protocol, recipes: Sequence[str], repeat: int, seconds: float, *, cut: bool = False
    ) -> dict[str, float]:
        """Run recipes on the folds of a repeat; return those that were ended at the time limit.

        With the share of their gradient steps that they had made; 1 where it is not known. With ``cut`` networks that
        are ended give results, too.
        """
        ...

    def time(self, protocol: Protocol, costs: Mapping[str, Cost], seconds: float) -> dict[str, Cost]:
        """Time recipes whose costs are guesses, for some seconds, and return what is known then."""
        ...

    def forget(self, recipes: Sequence[str]) -> None:
        """Drop the results of recipes."""
        ...

    def measured(self, recipe: str, repeat: int) -> float | None:
        """Return the mean seconds of a recipe on the folds of a repeat; None without a result."""
        ...


def run_in_time(
    protocol: Protocol,
    schedule: Schedule,
    machine: Machine,
    changed: Callable[[Protocol, str], None],
    left_out: Sequence[str] = (),
    had_repeats: int | None = None,
) -> Protocol:
    """Run the repeats of a comparison part by part, and leave out what would end after the time limit.

    After each part of the first repeat the plan is made again with what was learned, and stands where networks would
    make about as many steps. Recipes that were left out, or ended when some of their folds had results, and then
    repeats are run after all where time is left when the others have their first results. Where all would be left out,
    the cheapest are tried alone in the time that is left.

    ``changed`` is called at each further change with the protocol from now on and the sentence that says so;
    ``left_out`` are recipes that were estimated to take too long, ``had_repeats`` the repeats that an earlier command
    ended with. Returns the protocol as it was run. Raises TimeoutError if no recipe ended in time.
    """
    waiting = list(left_out)  # in the first repeat, after which there is no time for any
    notes: tuple[str, ...] = ()  # before there are more repeats than planned
    for repeat in range(max(protocol.n_repeats, schedule.wished_repeats)):
        pending = machine.pending(protocol.recipes, repeat)
        taken_up = bool(pending) and had_repeats is not None and had_repeats <= repeat < protocol.n_repeats
        if repeat and pending and not schedule.affords_repeat(pending, repeat + 1):
            return _without_repeats(protocol, repeat, schedule, changed)
        done = [recipe for recipe in protocol.recipes if recipe not in pending]
        if pending and done and schedule.folds + schedule.tail(done, repeat + 1) > schedule.deadline.left:
            protocol = _without_recipes(protocol, {*pending}, set(), schedule, changed)
            pending, waiting = {}, []
        if pending:
            machine.prepare(repeat)
        while pending:
            part = schedule.part(pending, protocol.recipes, repeat + 1)
            began = schedule.deadline.spent
            ended = machine.run(protocol, part.recipes, repeat, part.seconds) if part.recipes else {}
            measured = {recipe: machine.measured(recipe, repeat) for recipe in part.recipes}
            known = {recipe: value for recipe, value in measured.items() if value is not None}
            as_planned = not ended and len(known) == len(part.recipes)
            schedule.learn(known, schedule.deadline.spent - began if as_planned else None)
            if ended and not known:
                schedule.learn_late(ended, schedule.deadline.spent - began)
            pending, gone = machine.pending([*pending], repeat), {*ended, *part.left_out}
            if repeat:
                if gone:
                    return _without_repeats(protocol, repeat, schedule, changed)
                continue
            if again := _planned_again(protocol, gone, waiting, schedule, machine):
                every, protocol = [*protocol.recipes, *waiting], again[0]
                waiting = [recipe for recipe in every if recipe not in protocol.recipes]
                for note in again[1]:
                    changed(protocol, note)
                pending = machine.pending(protocol.recipes, repeat)
                continue
            if gone >= {*protocol.recipes}:
                of_images = protocol.images  # whose networks then stop where they are
                tries = [recipe for recipe in [*protocol.recipes, *waiting] if of_images or recipe not in ended]
                return _cheapest_alone(protocol, tries or list(protocol.recipes), schedule, machine, changed)
            if gone:
                protocol = _without_recipes(protocol, gone, {*ended}, schedule, changed)
                waiting += [recipe for recipe in gone if recipe in known or recipe not in ended]
            pending = {recipe: n for recipe, n in pending.items() if recipe in protocol.recipes}
        if repeat == 0:
            protocol = _after_all(protocol, waiting, schedule, machine, changed)
        elif repeat >= protocol.n_repeats:
            notes = notes or protocol.notes
            note = f"Time was left, so there are {repeat + 1} repeats after all."
            protocol = replace(protocol, n_repeats=repeat + 1, notes=(*notes, note))
            changed(protocol, note)
        elif taken_up:
            changed(protocol, f"Time was left, so there are {repeat + 1} repeats now, {repeat} before.")
    return protocol


def _after_all(
    protocol: Protocol,
    waiting: Sequence[str],
    schedule: Schedule,
    machine: Machine,
    changed: Callable[[Protocol, str], None],
) -> Protocol:
    """Run recipes that were left out, in one repeat, as far as the time that is left allows.

    Those that miss the fewest folds come first, of equals the cheapest. Before that those are timed for which there was
    no time, as a guess may be far too high. Until one is ended the machine may be as quick as when recipes were timed:
    there is nothing to lose but the time that is left.
    """
    guessed = {name: cost for name in waiting if not (cost := schedule.costs.recipes[name]).measured}
    if guessed and (seconds := _TO_TIME * schedule.room(protocol.recipes)) > 0:
        schedule.correct(machine.time(protocol, guessed, seconds))
    missing, hopeful = dict.fromkeys(waiting, 0) | machine.pending(waiting, 0), True
    for recipe in sorted(schedule.order(waiting), key=missing.__getitem__):
        seconds = schedule.seconds_after_all({recipe: missing[recipe]}, protocol.recipes, hopeful=hopeful)
        if seconds <= 0:
            continue
        note = f"Time was left, so {called(recipe)} was begun after all."
        protocol = replace(protocol, recipes=(*protocol.recipes, recipe), notes=(*protocol.notes, note))
        changed(protocol, note)
        machine.prepare(0)
        machine.run(protocol, [recipe], 0, seconds)
        if (took := machine.measured(recipe, 0)) is not None:
            schedule.learn({recipe: took})
        if machine.pending([recipe], 0):
            hopeful, note = False, f"The time that was left was not enough for {called(recipe)}."
            without = tuple(other for other in protocol.recipes if other != recipe)
            changed(protocol := replace(protocol, recipes=without, notes=(*protocol.notes, note)), note)
    return protocol


def _planned_again(
    protocol: Protocol, gone: set[str], waiting: Sequence[str], schedule: Schedule, machine: Machine
) -> tuple[Protocol, list[str]] | None:
    """Return the plan of now where networks make many fewer or more gradient steps by it, and what to say.

    Fewer where networks came too late, as long as no other has all results; more where none did. Networks that have
    results begin anew, because all must make the same number of steps.
    """
    of_steps = [recipe for recipe in protocol.recipes if schedule.costs.recipes[recipe].steps]
    if not gone:
        again = schedule.lengthened(protocol, waiting)
    elif gone.isdisjoint(of_steps) or len(machine.pending(of_steps, 0)) < len(of_steps):
        again = None
    else:
        again = schedule.shortened(protocol)
    if again is not None:
        machine.forget(of_steps)
    return again


def _cheapest_alone(
    protocol: Protocol,
    recipes: Sequence[str],
    schedule: Schedule,
    machine: Machine,
    changed: Callable[[Protocol, str], None],
) -> Protocol:
    """Run the cheapest recipe that gives results in half of the time left; the other half is for scores and model.

    Its networks make as many steps as they can in that time: there is none to compare them with.
    """
    while recipes and schedule.deadline.left > _LEAST * schedule.deadline.limit:
        recipe, *recipes = schedule.order(recipes)
        alone = replace(protocol, recipes=(recipe,), n_repeats=1)
        reached = machine.run(alone, [recipe], 0, schedule.deadline.left / 2, cut=True).get(recipe, 1.0)
        if not machine.pending([recipe], 0):
            if reached < 1:
                alone, note = _cut_at(alone, recipe, reached, schedule)
                changed(alone, note)
            repeats = " and every repeat but one" if protocol.n_repeats > 1 else ""
            note = (
                f"{LEFT_OUT}during the run to meet the time limit of {schedule.deadline}: every recipe but "
                f"{called(recipe)}, the cheapest that ended{repeats}; the work takes longer than estimated."
            )
            changed(alone := replace(alone, notes=(*alone.notes, note)), note)
            return alone
    needed = schedule.deadline.spent + min(schedule.whole([recipe]) for recipe in protocol.recipes)
    raise TimeoutError(
        f"No recipe ended within the time limit of {schedule.deadline}. {schedule.deadline.remedy(needed)}"
    )


def _cut_at(protocol: Protocol, recipe: str, reached: float, schedule: Schedule) -> tuple[Protocol, str]:
    """Say at which step the networks of a recipe were ended, in place of the steps that were planned."""
    steps, planned = max(1, round(reached * protocol.max_steps)), protocol.max_steps
    note = (
        f"{recipe}: its networks were ended after {steps:,} of {planned:,} planned gradient steps, or a few more, to "
        f"meet the time limit of {schedule.deadline}."
    )
    return replace(protocol, notes=(*protocol.notes, note)), note


def _without_repeats(
    protocol: Protocol, n_repeats: int, schedule: Schedule, changed: Callable[[Protocol, str], None]
) -> Protocol:
    if (skipped := protocol.n_repeats - n_repeats) <= 0:  # one that was begun after all
        return protocol
    note = f"{skipped} of {protocol.n_repeats} repeats skipped to meet the time limit of {schedule.deadline}."
    protocol = replace(protocol, n_repeats=n_repeats, notes=(*protocol.notes, note))
    changed(protocol, note)
    return protocol


def _without_recipes(
    protocol: Protocol,
    gone: set[str],
    ended: set[str],
    schedule: Schedule,
    changed: Callable[[Protocol, str], None],
) -> Protocol:
    names = listed(map(called, (recipe for recipe in protocol.recipes if recipe in gone)))
    why = "took longer than estimated" if gone == ended else "the work takes longer than estimated"
    note = f"{LEFT_OUT}during the run to meet the time limit of {schedule.deadline}: {names}; {why}."
    kept = tuple(recipe for recipe in protocol.recipes if recipe not in gone)
    protocol = replace(protocol, recipes=kept, notes=(*protocol.notes, note))
    changed(protocol, note)
    return protocol
