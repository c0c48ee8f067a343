"""A comparison ends within its time limit, on a clock that is set by what the work would take."""

import re
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from equipoise import recipes
from equipoise.deadline import Deadline
from equipoise.experiments.in_time import run_in_time
from equipoise.experiments.plan import LEAST_SHARE, Cost, Costs, Schedule
from equipoise.experiments.protocol import Protocol
from equipoise.text import called

SLACK = 1.1
STEPS = 7500


class Clock:
    """A clock that work sets forward."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def none_slower(recipe):
    return 1.0


def one_pace(now):
    return 1.0


@dataclass
class FakeMachine:
    """A machine whose fits take what was estimated, times a factor of the recipe, times the load at that time."""

    clock: Clock
    costs: Costs
    share: float
    protocol: Protocol
    n_workers: int = 2
    slower: callable = none_slower
    load: callable = one_pace
    done: set = field(default_factory=set)
    took: dict = field(default_factory=dict)
    ran: list = field(default_factory=list)
    prepared: set = field(default_factory=set)
    timed: list = field(default_factory=list)

    def pending(self, names, repeat):
        every = range(self.protocol.n_folds)
        missing = {r: sum((r, repeat, f) not in self.done for f in every) for r in names}
        return {recipe: n for recipe, n in missing.items() if n}

    def pass_time(self, seconds):
        self.clock.now += seconds * self.load(self.clock.now)

    def prepare(self, repeat):
        if repeat not in self.prepared:
            self.pass_time(self.protocol.n_folds * self.costs.fold)
        self.prepared.add(repeat)

    def forget(self, names):
        self.done = {key for key in self.done if key[0] not in names}
        self.took = {key: value for key, value in self.took.items() if key[0] not in names}

    def time(self, protocol, costs, seconds):
        """Time recipes, the true cost of which is that of the machine."""
        self.timed.append((set(costs), seconds))
        self.clock.now += seconds
        return {name: replace(self.costs.recipes[name], measured=True) for name in costs}

    def run(self, protocol, names, repeat, seconds, cut=False):
        """Workers take jobs in turn; what runs at the limit is ended, and networks then give results with ``cut``."""
        self.ran.append((tuple(names), repeat))
        end, ended = self.clock.now + seconds, {}
        share = self.share * protocol.max_steps / self.protocol.max_steps
        free = np.full(self.n_workers, self.clock.now)
        jobs = [(r, f) for r in names for f in range(protocol.n_folds) if (r, repeat, f) not in self.done]
        in_turn = -(-len(jobs) // self.n_workers)
        for recipe, fold in jobs:
            worker = free.argmin()
            if free[worker] >= end:
                break
            limit = protocol.auto_seconds if recipe == recipes.AUTO else None
            cost = self.costs.recipes[recipe]
            alone = cost.at(share) * self.slower(recipe)
            took = alone * self.load(free[worker])
            took = took if limit is None else min(took, 1.1 * limit)
            most = seconds / in_turn if self.protocol.images else end - free[worker]
            most *= 1.1 if (whole := self.protocol.images and not cut) else 1.0
            if late := took > most:
                most *= max(0.35, 0.1 / (1 - most / 1.1 / took)) / 1.1 if whole else 1.0  # seen to be too slow
                ended[recipe] = min(most / took if cost.steps else 1.0, ended.get(recipe, 1.0))
            free[worker] += min(took, most)
            if not late or (cut and cost.steps):
                self.done.add((recipe, repeat, fold))
                self.took.setdefault((recipe, repeat), []).append(took)
        self.clock.now = max(free)
        return ended

    def measured(self, recipe, repeat):
        took = self.took.get((recipe, repeat))
        return None if took is None else float(np.mean(took))


NAMES = ("auto", "none", "cost", "under", "smote", "svm-smote", "remix", "focal", "autobalance", "mubo", "gbdt")


def costs_of(speed):
    """A table of 30,000 rows on a machine of some speed."""
    steps = dict.fromkeys(NAMES, 150.0) | {"autobalance": 375.0, "mubo": 300.0, "gbdt": 0.0, "auto": 90.0}
    around = {"gbdt": 4.0, "smote": 2.0, "svm-smote": 60.0, "under": 0.1}
    found = {name: Cost(around.get(name, 0.0) / speed, steps[name] / speed) for name in NAMES}
    return Costs(found, fold=0.3 / speed, score=0.1 / speed, report=3.0 / speed)


def whole_command(budget, speed=1.0, reading=3.0, done=(), **machine):
    """Run a comparison as the command does: reading and pilots, the parts, scores and report, the winner's refit."""
    clock = Clock()
    deadline, costs, said = Deadline(budget, clock, in_minutes=True), costs_of(speed), []
    load = machine.get("load", one_pace)
    clock.now += min(reading, 0.05 * budget) * load(0)
    wish = Protocol(NAMES, 5, 2, 4, STEPS, random_state=0)
    schedule = Schedule(costs, deadline, 5, 2)
    protocol = schedule.cut(wish)
    left_out = [name for name in NAMES if name not in protocol.recipes]
    fake = FakeMachine(clock, costs, schedule.share, protocol, done=set(done), **machine)
    found = run_in_time(protocol, schedule, fake, lambda protocol, note: said.append(note), left_out)
    fake.pass_time(len(found.recipes) * 5 * found.n_repeats * costs.score + costs.report)
    slowest = max(found.recipes, key=lambda name: costs.recipes[name].at(schedule.share))
    a_refit = costs.recipes[slowest].at(schedule.share) * 1.25 * fake.slower(slowest) * load(clock.now)
    in_time = a_refit <= deadline.left
    clock.now += min(a_refit, max(deadline.left, 0.02 * budget))  # the refit is ended there
    return {"spent": clock.now, "first": protocol, "last": found, "said": said, "refitted": in_time, "fake": fake}


def unused(found, budget):
    """Return the share of a time limit that is left at the end."""
    return 1 - found["spent"] / budget


def doubles_midway(budget):
    return lambda now: 2.0 if now > budget / 2 else 1.0


@pytest.mark.parametrize("speed", [0.2, 1.0, 5.0, 1000.0])
@pytest.mark.parametrize("budget", [60, 120, 900, 7200])
@pytest.mark.parametrize(
    "case", ["as estimated", "load doubles midway", "one ten times slower", "all twice as slow", "starved"]
)
def test_the_whole_command_ends_within_its_time(budget, speed, case):
    machine = {
        "as estimated": {},
        "load doubles midway": {"load": doubles_midway(budget)},
        "one ten times slower": {"slower": lambda recipe: 10.0 if recipe == "remix" else 1.0},
        "all twice as slow": {"load": lambda now: 2.0},
        "starved": {"load": lambda now: 8.0 if now > budget / 10 else 1.0},
    }[case]
    try:
        found = whole_command(budget, speed, **machine)
    except TimeoutError as error:  # told, and before the time limit; where even one recipe is too much, tried
        assert "Raise --budget, to " in str(error) and (case == "starved" or budget * speed < 50)
        return
    except ValueError as error:  # too short for any recipe: told before the run
        assert (
            "No recipe can be compared" in str(error) and "Raise --budget, to " in str(error) and budget * speed < 100
        )
        return
    assert found["spent"] <= SLACK * budget
    first, last = found["first"], found["last"]
    fake = found["fake"]
    assert all((r, k, f) in fake.done for r in last.recipes for k in range(last.n_repeats) for f in range(5))
    gone, added = set(first.recipes) - set(last.recipes), set(last.recipes) - set(first.recipes)
    assert all(any(name in note for note in found["said"]) for name in gone | added)
    assert set(last.notes) >= {*first.notes, *found["said"]}
    if case == "as estimated":
        assert not gone and first.n_repeats == last.n_repeats and found["refitted"]


def test_nothing_is_cut_where_there_is_time():
    found = whole_command(7200, speed=10.0)
    wish = found["first"]
    assert wish.recipes == NAMES and wish.n_repeats == 2 and wish.max_steps == STEPS and wish.notes == ()
    assert found["last"] == wish
    assert wish.auto_seconds is None


def test_cuts_are_repeats_then_steps_then_recipes():
    tight, tighter, tightest = (whole_command(budget)["first"] for budget in (9000, 2400, 300))
    assert tight.n_repeats == 1 and tight.max_steps == STEPS and tight.recipes == NAMES
    assert tighter.n_repeats == 1 and LEAST_SHARE * STEPS < tighter.max_steps < STEPS and tighter.recipes == NAMES
    assert len(tightest.recipes) < len(NAMES) and tightest.max_steps >= LEAST_SHARE * STEPS
    assert {"gbdt", "none"} <= set(tightest.recipes) and "svm-smote" not in tightest.recipes
    told = " ".join(tightest.notes)
    assert all(name in told for name in set(NAMES) - set(tightest.recipes))
    assert f"{tightest.max_steps:,} gradient steps per network instead of 7,500" in told
    assert "to meet the time limit of 5 minutes" in told


@pytest.mark.parametrize("budget", [120, 300, 1200])
def test_the_limit_that_is_told_to_be_enough_is(budget):
    """As printed: with it all recipes make all steps, on the same machine."""
    [told] = [note for note in whole_command(budget, 2.0)["first"].notes if "gradient steps per network" in note]
    minutes = float(re.search(r"; --budget ([0-9.]+) is enough for all steps of all recipes\.$", told)[1])
    found = whole_command(60 * minutes, 2.0)
    for protocol in (found["first"], found["last"]):
        assert {*protocol.recipes} == {*NAMES} and protocol.max_steps == STEPS


def test_repeats_make_way_for_the_reasons_and_recipes_do_not():
    """The winner is fitted again on the folds and asked: that has its time in the plan, by a recipe of mean cost."""
    costs = Costs({"none": Cost(10.0), "gbdt": Cost(20.0)}, fold=1.0)
    wish = Protocol(("none", "gbdt"), 5, 2, 1, STEPS, random_state=0)
    plain = Schedule(costs, Deadline(1e6, Clock()), 5, 2)
    two, one = (plain.whole(wish.recipes, n) for n in (2, 1))
    assert plain.reasons(wish.recipes) == 5 * (1 + 2 * 15) / 2 > 0.1 * two
    of_images = Schedule(replace(plain.costs, explained=False), plain.deadline, plain.n_folds, plain.n_workers)
    assert of_images.reasons(wish.recipes) == 0 and of_images.explained(wish.recipes) == plain.whole(wish.recipes)

    def cut(limit):
        return Schedule(costs, Deadline(limit, Clock()), 5, 2).cut(wish)

    assert cut(two + 1).n_repeats == 1 and cut(two + plain.reasons(wish.recipes) + 1).n_repeats == 2
    assert cut(one + 1).recipes == wish.recipes


def test_a_second_is_told_to_be_too_short():
    with pytest.raises(ValueError, match=r"time limit of 0.0167 minutes: the quickest, 'gbdt', needs about .* Raise"):
        whole_command(1)


def test_the_slow_one_goes_and_the_others_stay():
    found = whole_command(900, slower=lambda recipe: 10.0 if recipe == "under" else 1.0)
    assert "under" in found["first"].recipes and "under" not in found["last"].recipes
    assert any("under" in note and "took longer than estimated" in note for note in found["said"])
    assert len(found["last"].recipes) >= len(found["first"].recipes) - 3


def test_a_repeat_that_would_end_late_is_skipped():
    found = whole_command(6500, speed=2.0, load=lambda now: 1.6)
    assert found["first"].n_repeats == 2 and found["last"].n_repeats == 1
    assert found["said"] == ["1 of 2 repeats skipped to meet the time limit of 108 minutes."]


def test_a_run_that_goes_on_reuses_what_is_there_and_has_a_time_limit_of_its_own():
    first = whole_command(2400)
    half = {key for key in first["fake"].done if key[0] in ("none", "gbdt", "cost")}
    again = whole_command(2400, done=half)
    ran = {name for names, _ in again["fake"].ran for name in names}
    assert ran == set(again["first"].recipes) - {"none", "gbdt", "cost"} and again["spent"] < first["spent"]


def test_results_that_are_there_are_told_where_no_time_is_left_for_the_numbers_of_the_folds():
    clock = Clock()
    costs = Costs({"none": Cost(1.0), "gbdt": Cost(2.0)}, fold=10.0, report=3.0)
    protocol, said = Protocol(("none", "gbdt"), 5, 1, 1, STEPS, random_state=0), []
    fake = FakeMachine(clock, costs, 1.0, protocol, done={("none", 0, fold) for fold in range(5)})
    schedule = Schedule(costs, Deadline(40, clock), 5, 2)
    found = run_in_time(protocol, schedule, fake, lambda protocol, note: said.append(note), ["gbdt"])
    assert found.recipes == ("none",) and not fake.prepared and not fake.ran and clock.now == 0
    late = "gbdt; the work takes longer than estimated."
    assert said == [f"Left out during the run to meet the time limit of 40 seconds: {late}"]


def test_what_a_part_took_corrects_what_follows():
    clock = Clock()
    schedule = Schedule(costs_of(1.0), Deadline(600, clock), 5, 2, share=0.1)
    assert schedule.cell("remix") == pytest.approx(15.0)
    schedule.learn({"none": 30.0, "cost": 30.0})  # twice the estimate: a load
    assert schedule.cell("none") == schedule.cell("remix") == pytest.approx(30.0)
    schedule.learn({"none": 30.0}, took=2 * schedule.work(["none"]))  # and as long again around the fits
    assert schedule.cell("none") == pytest.approx(60.0)


def test_the_pace_of_the_timing_holds_until_long_fits_tell_it():
    """A fit of a blink takes as long as what is around it, which says nothing of others."""
    costs = Costs({"none": Cost(15.0), "remix": Cost(15.0), "cost": Cost(15.0), "logistic": Cost(0.01)}, pace=3.0)
    schedule = Schedule(costs, Deadline(600, Clock()), 5, 2)
    assert schedule.cell("remix") == pytest.approx(45.0)
    schedule.learn({"logistic": 1.0})
    assert schedule.cell("logistic") == 1.0 and schedule.cell("remix") == pytest.approx(45.0)
    schedule.learn({"none": 15.0, "cost": 15.0})  # the load is gone
    assert schedule.cell("remix") == pytest.approx(15.0)


def test_a_recipe_that_was_left_out_comes_before_another_repeat():
    clock = Clock()
    costs = Costs({"none": Cost(10.0), "gbdt": Cost(20.0), "svm-smote": Cost(60.0)}, fold=1.0)
    protocol, said = Protocol(("none", "gbdt"), 5, 2, 1, STEPS, random_state=0), []
    schedule = Schedule(costs, Deadline(600, clock), 5, 2)
    fake = FakeMachine(clock, costs, 1.0, protocol)
    found = run_in_time(protocol, schedule, fake, lambda protocol, note: said.append(note), ["svm-smote"])
    assert found.recipes == ("none", "gbdt", "svm-smote") and found.n_repeats == 1 and clock.now < 600
    assert said == [
        "Time was left, so svm-smote was begun after all.",
        "1 of 2 repeats skipped to meet the time limit of 600 seconds.",
    ]


def test_a_wrong_guess_says_nothing_of_others():
    costs = costs_of(1.0)
    guessed = {**costs.recipes, "gbdt": Cost(4.0, measured=False)}
    schedule = Schedule(Costs(guessed), Deadline(600, Clock()), 5, 2)
    schedule.learn({"gbdt": 400.0})
    assert schedule.pace == 1.0 and schedule.cell("gbdt") == 400.0


def test_the_quickest_recipe_is_tried_where_every_one_was_timed_as_too_slow():
    """A busy machine: timing took half of the time and says 60 seconds a fit; the load then ends, or it does not."""
    clock, said = Clock(), []
    costs = Costs({"gbdt": Cost(200.0), "logistic": Cost(60.0)}, fold=0.5, score=0.01, report=2.0, ready=2)
    wish = Protocol(("logistic", "gbdt"), 5, 2, 4, STEPS, random_state=0)

    def run(slower):
        clock.now = 0.0
        deadline = Deadline(120, clock, in_minutes=True)
        clock.now = 60.0
        schedule = Schedule(costs, deadline, 5, 2)
        protocol = schedule.cut(wish)
        fake = FakeMachine(clock, costs, 1.0, protocol, slower=lambda recipe: slower)
        return protocol, run_in_time(protocol, schedule, fake, lambda protocol, note: said.append(note), ["gbdt"])

    first, found = run(0.1)
    assert first.recipes == found.recipes == ("logistic",) and first.n_repeats == 1 and clock.now < 120
    assert "Even logistic, the quickest, may need about" in first.notes[0] and first.notes[0] in found.notes
    assert "gbdt (about" in first.notes[-1]
    with pytest.raises(TimeoutError, match=r"No recipe ended within the time limit of 2 minutes. Raise --budget, to"):
        run(1.0)
    assert clock.now < 120


def test_folds_that_are_ready_cost_nothing_more():
    costs = Costs({"none": Cost(10.0)}, fold=3.0)
    plain, ready = (Schedule(each, Deadline(600, Clock()), 5, 2) for each in (costs, replace(costs, ready=2)))
    for n_repeats in (1, 2):
        assert plain.whole(["none"], n_repeats) - ready.whole(["none"], n_repeats) == pytest.approx(1.15 * 2 * 3.0)


@pytest.mark.parametrize("done", [0, 2])
@pytest.mark.parametrize("had_repeats", [None, 1, 2])
def test_a_repeat_that_a_further_command_takes_up_is_told(had_repeats, done):
    """Not one that was planned from the start, nor one that has its results."""
    clock, costs, said = Clock(), Costs({"none": Cost(1.0)}, fold=0.1), []
    protocol = Protocol(("none",), 5, 2, 4, STEPS, random_state=0)
    schedule = Schedule(costs, Deadline(600, clock), 5, 2)
    results = {("none", repeat, fold) for repeat in range(max(1, done)) for fold in range(5)}
    fake = FakeMachine(clock, costs, 1.0, protocol, done=results)
    last = run_in_time(protocol, schedule, fake, lambda protocol, note: said.append(note), (), had_repeats)
    assert last == protocol and not fake.pending(["none"], 1)
    taken_up = had_repeats == 1 and done < 2
    assert said == ["Time was left, so there are 2 repeats now, 1 before."] * taken_up


def test_the_model_of_all_rows_has_time_to_make_them_numbers():
    costs = Costs({"none": Cost(10.0)}, fold=4.0)
    assert Schedule(costs, Deadline(600, Clock()), 5, 2).tail(["none"], 1) == pytest.approx((10.0 + 4.0) * 5 / 4)


def test_a_recipe_that_could_not_be_timed_is_tried_before_all_is_refused():
    guesses = Costs({"gbdt": Cost(1e4, measured=False), "none": Cost(0.0, 1e6, measured=False)}, report=3.0)
    wish = Protocol(("none", "gbdt"), 5, 1, 4, STEPS, random_state=0)
    schedule = Schedule(guesses, Deadline(120, Clock()), 5, 2)
    assert schedule.cut(wish).recipes == ("gbdt",)
    assert schedule.part({"gbdt": 5}, ["gbdt"], 1).recipes == ["gbdt"]
    with pytest.raises(ValueError, match="No recipe can be compared"):
        Schedule(guesses, Deadline(5, Clock()), 5, 2).cut(wish)


@pytest.mark.parametrize("budget", [60, 120, 300, 900])
@pytest.mark.parametrize("speed", [5.0, 20.0, 100.0])
def test_a_plan_of_a_busy_moment_is_made_again(budget, speed):
    """All takes a third of what the timing says: networks make more steps, or all of them and then more repeats."""
    found = whole_command(budget, speed, load=lambda now: 1 / 3)
    first, last = found["first"], found["last"]
    assert found["spent"] <= budget and {*first.recipes} <= {*last.recipes}
    enough = min(1.5 * first.max_steps, STEPS / 1.5)
    assert last.max_steps >= enough or {*first.recipes} < {*last.recipes}
    whole = last.max_steps >= STEPS / 1.5 and last.n_repeats == 2 and {*last.recipes} == {*NAMES}
    assert whole or unused(found, budget) < 0.55
    if last.max_steps > first.max_steps:
        assert any("The work takes less than estimated, so the plan was made again" in said for said in found["said"])
        stale = f"{first.max_steps:,} gradient steps per network"
        assert not any(stale in note for note in last.notes)
        assert last.max_steps == STEPS or f"{last.max_steps:,} gradient steps per network" in " ".join(last.notes)
        assert last.share == pytest.approx(last.max_steps / STEPS)
        every = {name for name in last.recipes if found["fake"].costs.recipes[name].steps}
        assert every and not found["fake"].pending(every, 0)
    if last.n_repeats > first.n_repeats:
        assert f"Time was left, so there are {last.n_repeats} repeats after all." in found["said"]


def test_a_plan_that_was_cut_does_not_grow_again():
    """Networks were late once, so that they make few steps: were the load to swing, they would begin anew each time."""
    clock = Clock()
    schedule = Schedule(costs_of(5.0), Deadline(900, clock), 5, 2)
    protocol = schedule.cut(Protocol(NAMES, 5, 2, 4, STEPS, random_state=0))
    schedule.learn({"none": 5 * schedule.cell("none")})
    shorter, said = schedule.shortened(protocol)
    assert said[0] == "The work takes longer than estimated, so the plan was cut once more."
    assert shorter.max_steps < protocol.max_steps
    schedule.learn(dict.fromkeys(shorter.recipes, 0.01))  # the load is gone
    assert schedule.lengthened(shorter, []) is None
    fresh = Schedule(costs_of(5.0), Deadline(900, clock), 5, 2)
    protocol = fresh.cut(Protocol(NAMES, 5, 2, 4, STEPS, random_state=0))
    fresh.learn(dict.fromkeys(protocol.recipes, 0.01))
    longer, said = fresh.lengthened(protocol, [])
    assert longer.max_steps > protocol.max_steps and said[0].startswith("The work takes less than estimated")


@pytest.mark.parametrize("slower", [3.0, 4.0])
def test_recipes_that_a_busy_while_left_out_are_compared_when_it_is_over(slower):
    """What ran last was slow, but the machine may be as quick again as when recipes were timed."""
    found = whole_command(300, 5.0, load=lambda now: slower if now < 150 else 0.5)
    [late] = [note for note in found["said"] if note.startswith("Left out during the run")]
    assert "autobalance" in late and found["spent"] <= 300
    assert {*found["last"].recipes} >= {*found["first"].recipes} - {"svm-smote"}  # which takes half of it alone
    assert "Time was left, so autobalance was begun after all." in found["said"]


def test_recipes_that_were_not_timed_are_timed_where_time_is_left():
    """A guess of an hour leaves a recipe out, and a minute would do."""
    clock, said = Clock(), []
    true = Costs({"none": Cost(10.0), "gbdt": Cost(20.0), "catboost": Cost(15.0)}, fold=1.0)
    guesses = replace(true, recipes={**true.recipes, "catboost": Cost(2000.0, measured=False)})
    wish = Protocol(("none", "gbdt", "catboost"), 5, 1, 1, STEPS, random_state=0)
    schedule = Schedule(guesses, Deadline(300, clock), 5, 2)
    first = schedule.cut(wish)
    fake = FakeMachine(clock, true, 1.0, first)
    last = run_in_time(first, schedule, fake, lambda protocol, note: said.append(note), ["catboost"])
    assert first.recipes == ("none", "gbdt") and last.recipes == ("none", "gbdt", "catboost")
    [(names, seconds)] = fake.timed
    assert names == {"catboost"} and 0 < seconds < 60 and clock.now < 300
    assert said == ["Time was left, so catboost was begun after all."]


@pytest.mark.parametrize("budget", [120, 300])
def test_what_was_left_out_is_compared_after_all_where_time_is_left(budget):
    found = whole_command(budget, load=lambda now: 0.4)
    first, last = found["first"].recipes, found["last"].recipes
    added = {*last} - {*first}
    assert {*first} < {*last} and found["spent"] <= budget
    told = [note for note in found["said"] if "after all" in note or "the plan was made again, with" in note]
    assert all(called(name) in " ".join(told) for name in added)


def test_where_all_would_be_left_out_the_cheapest_is_tried_alone():
    """A recipe that takes longer than its estimate makes the machine seem too slow for every other one."""
    clock = Clock()
    costs = Costs({"gbdt": Cost(0.2), "logistic": Cost(0.3)}, fold=0.1, score=0.01, report=5.0)
    wish, said = Protocol(("logistic", "gbdt"), 5, 2, 4, STEPS, random_state=0), []
    schedule = Schedule(costs, Deadline(60, clock, in_minutes=True), 5, 2)
    slow = FakeMachine(clock, costs, 1.0, wish, slower=lambda recipe: 1000.0 if recipe == "gbdt" else 1.0)
    found = run_in_time(schedule.cut(wish), schedule, slow, lambda protocol, note: said.append(note))
    assert found.recipes == ("logistic",) and not slow.pending(["logistic"], 0) and clock.now < 60
    assert "every recipe but logistic, the cheapest that ended" in said[-1] and found.notes[-1] == said[-1]
    assert slow.ran[-1] == (("logistic",), 0)
    clock.now, stuck = 0.0, FakeMachine(clock, costs, 1.0, wish, slower=lambda recipe: 1000.0)
    with pytest.raises(
        TimeoutError, match=r"No recipe ended within the time limit of 1 minute. Raise --budget, to [0-9.]+ for"
    ):
        run_in_time(
            wish, Schedule(costs, Deadline(60, clock, in_minutes=True), 5, 2), stuck, lambda protocol, note: None
        )
    assert clock.now < 60


def test_the_cheap_ones_are_planned_before_the_slow_ones_that_others_are_compared_with():
    costs = Costs({"auto": Cost(0.0, 110.0), "none": Cost(0.0, 100.0), "lightgbm": Cost(2.0), "gbdt": Cost(3.0)})
    schedule = Schedule(costs, Deadline(60, Clock()), 5, 2)
    assert schedule.order(["auto", "none", "lightgbm", "gbdt"]) == ["gbdt", "lightgbm", "none", "auto"]
    wish = Protocol(("auto", "none", "lightgbm", "gbdt"), 5, 1, 4, STEPS, random_state=0)
    cut = schedule.cut(wish)
    assert {"lightgbm", "gbdt"} <= {*cut.recipes} < {*wish.recipes}
    assert cut.share == (schedule.share if "none" in cut.recipes else 1.0)


def test_a_sample_of_the_rows_is_drawn_before_all_is_refused():
    """Networks would make a hundredth of their steps on all rows; trees that fit on all rows need no sample."""
    costs = Costs({"none": Cost(0.0, 2000.0), "remix": Cost(0.0, 2000.0), "gbdt": Cost(3.0)}, fold=2.0, report=3.0)
    schedule = Schedule(costs, Deadline(120, Clock()), 5, 2, n_rows=400_000)
    networks = Protocol(("none", "remix"), 5, 1, 4, STEPS, random_state=0)
    assert schedule.rows_share(replace(networks, recipes=("none", "gbdt"))) == 1
    share = schedule.rows_share(networks)
    assert 0 < share < 1
    fewer = schedule.on_rows(share, share)
    assert fewer.n_rows == share * 400_000 and fewer.whole(["none", "remix"], 1, LEAST_SHARE) <= 120
    assert schedule.on_rows(2 * share, 2 * share).whole(["none", "remix"], 1, LEAST_SHARE) > 120
    assert set(fewer.cut(networks).recipes) == {"none", "remix"}
    assert Schedule(costs, Deadline(120, Clock()), 5, 2, n_rows=1500).rows_share(networks) == 1  # too few to sample


IMAGE_RECIPES = ("auto-images", "none", "cost", "augment", "remix", "remix-dataset", "la")
IMAGE_STEPS = 72


def images_command(budget, load=one_pace, pace=4.0, n_folds=3):
    """Compare recipes of images whose networks take half a minute of computing each, on a machine of that pace."""
    clock = Clock()
    deadline, said = Deadline(budget, clock, in_minutes=True), []
    clock.now += 45.0  # reading and timing
    steps = {name: Cost(2.3 if name == "auto-images" else 0.8, 32.0) for name in IMAGE_RECIPES}
    costs = Costs(steps, fold=0.01, score=0.2, report=2.5, pace=pace, explained=False)
    wish = Protocol(IMAGE_RECIPES, n_folds, 2, 1, IMAGE_STEPS, random_state=0, images=True)
    schedule = Schedule(costs, deadline, n_folds, 2)
    first = schedule.cut(wish)
    fake = FakeMachine(clock, costs, schedule.share, first, load=lambda now: pace * load(now))
    left_out = [name for name in IMAGE_RECIPES if name not in first.recipes]
    last = run_in_time(first, schedule, fake, lambda protocol, note: said.append(note), left_out)
    assert not fake.pending(last.recipes, 0) and clock.now < budget and set(last.notes) >= set(said)
    return first, last


@pytest.mark.parametrize("budget", [180, 240, 420, 900, 3600])
def test_of_images_a_few_recipes_get_steps_before_many_get_few(budget):
    first, last = images_command(budget)
    assert {*first.recipes} >= {"none", "auto-images"} and last.max_steps == first.max_steps
    assert len(first.recipes) == 2 or first.max_steps >= IMAGE_STEPS / 2
    if budget <= 420:
        assert len(first.recipes) == 2
    if budget == 3600:
        assert last.recipes == IMAGE_RECIPES and last.max_steps == IMAGE_STEPS


@pytest.mark.parametrize("slower", [2.0, 3.0, 4.0])
@pytest.mark.parametrize("budget", [240, 420, 900])
def test_networks_that_come_late_begin_anew_with_as_many_steps_as_the_time_carries(budget, slower):
    """All recipes that are compared make the same number of steps, which is said."""
    first, last = images_command(budget, load=lambda now: slower)
    assert last.recipes and "none" in last.recipes
    if slower * 240 < 1.5 * budget:
        assert "auto-images" in last.recipes
    if last.max_steps < first.max_steps:
        told = f"{last.max_steps} gradient steps per network instead of 72"
        assert sum("gradient steps per network" in note for note in last.notes) == 1 and told in " ".join(last.notes)
        assert last.share == last.max_steps / IMAGE_STEPS


def test_where_even_few_steps_are_late_one_recipe_gives_what_its_networks_reached():
    _, last = images_command(240, load=lambda now: 12.0)
    assert last.recipes == ("none",)
    assert any(note.startswith("none: its networks were ended after") and "planned" in note for note in last.notes)


def test_many_images_on_a_slow_machine_are_compared_by_few_steps():
    """A tenth of 636 steps would take 20 minutes: two recipes make fewer, and no less than seven."""
    costs = Costs({name: Cost(7.8, 260.0) for name in IMAGE_RECIPES}, score=1.2, report=2.5, pace=4.0, explained=False)
    wish = Protocol(IMAGE_RECIPES, 3, 1, 1, 636, random_state=0, images=True)
    found = Schedule(costs, Deadline(480, Clock(), in_minutes=True), 3, 2).cut(wish)
    assert found.recipes == ("auto-images", "none") and 7 <= found.max_steps < 63
    assert f"{found.max_steps} gradient steps per network instead of 636" in " ".join(found.notes)


def test_a_recipe_of_which_some_folds_came_late_is_completed_where_time_is_left():
    """The machine is busy for a while: the last networks of the second recipe are ended, and run again afterwards."""
    clock, said = Clock(), []
    costs = Costs({"none": Cost(0.0, 60.0), "la": Cost(0.0, 60.0)}, report=2.5, explained=False)
    wish = Protocol(("none", "la"), 3, 1, 1, IMAGE_STEPS, random_state=0, images=True)
    schedule = Schedule(costs, Deadline(600, clock, in_minutes=True), 3, 2)
    fake = FakeMachine(clock, costs, 1.0, wish, load=lambda now: 5.0 if 100 < now < 150 else 1.0)
    last = run_in_time(schedule.cut(wish), schedule, fake, lambda protocol, note: said.append(note))
    assert [names for names, _ in fake.ran] == [("none", "la"), ("la",)]
    assert last.recipes == ("none", "la") and not fake.pending(last.recipes, 0) and clock.now < 600
    assert said[0].endswith("la; took longer than estimated.") and said[1].startswith("Time was left, so la was")
