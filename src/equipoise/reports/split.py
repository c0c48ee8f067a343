"""How the rows of a comparison were divided and weighed, and which question that answers, in words."""

from equipoise.experiments import Comparison
from equipoise.text import counted, number


def measured(comparison: Comparison) -> str:
    """Return how scores were measured, after "Measured"."""
    protocol, roles = comparison.protocol, comparison.problem["roles"]
    if protocol.by_time:
        where = f"on rows later than those of training, {protocol.n_folds - 1} parts by {_column(roles, 'time')}"
    else:
        where = f"on held-out rows, {protocol.n_folds} folds, {counted(protocol.n_repeats, 'repeat')}"
    held_out = f", {_column(roles, 'group')} held out as a whole" if "group" in roles else ""
    return f"{where}{held_out}{weighed(comparison)}"


def weighed(comparison: Comparison) -> str:
    """Return by what the rows are weighed in the scores, after a comma; nothing where they are not."""
    problem = comparison.problem
    by = [f"by {_column(problem['roles'], 'weights')}"] if "weights" in problem["roles"] else []
    if problem.get("sampled_from"):
        by.append(f"as a sample by class of {counted(problem['sampled_from'], 'row')}")
    return f", rows weighed {' and '.join(by)}" if by else ""


def division(comparison: Comparison) -> str:
    """Return how the rows were divided into training and test rows."""
    protocol, problem = comparison.protocol, comparison.problem
    roles = problem["roles"]
    if protocol.by_time:
        gap = f", but for a gap of {problem['gap']} before it" if problem["gap"] else ""
        said = (
            f"by time ({_column(roles, 'time')}): the first half of the rows only trains; each of the "
            f"{protocol.n_folds} parts after it is tested by models of all rows before it{gap}. Thresholds are "
            "tuned on the parts before a part, so the first one is not scored"
        )
        if problem["grouped"]:
            said += f". Rows of a {_column(roles, 'group')} that is tested do not train"
        return said
    said = (
        f"{protocol.n_folds} stratified folds, {counted(protocol.n_repeats, 'repeat')}; all steps are fitted on the "
        "training folds, and the test fold keeps its natural class priors"
    )
    if "group" in roles:
        return f"{said}. All rows of a {_column(roles, 'group')} are in one fold"
    return f"{said}. Equal rows are in one fold" if problem["grouped"] else said


def question(comparison: Comparison) -> str:
    """Return the question that the division answers, and which divisions answer others."""
    roles, by_time = comparison.problem["roles"], comparison.protocol.by_time
    others = {
        "random folds: rows like these": not by_time and "group" not in roles,
        "--group: new groups, such as new customers": "group" in roles,
        "--time: the time to come": by_time,
    }
    rows = f"rows of a new {_column(roles, 'group')}" if "group" in roles else "new rows"
    when = "in the time after training" if by_time else "like these, at the same time"
    left = "; ".join(other for other, chosen in others.items() if not chosen)
    return f"how good is the model on {rows} {when}? Other divisions answer other questions ({left})"


def _column(roles: dict[str, str], role: str) -> str:
    return repr(roles[role]) if role in roles else role


def on_test_part(comparison: Comparison) -> str:
    """Tell the figures of the winner's model on a test part of images; nothing where there is none."""
    figures = ", ".join(f"{title} {number(value)}" for title, value in comparison.tested.items())
    return f"The model on the test part, which chose nothing: {figures}." if figures else ""
