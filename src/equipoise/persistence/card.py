"""The model card: a page on a model, its training data, its metrics and its limits."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from equipoise.describing import python_lines
from equipoise.persistence.schema import descriptions, image_reader
from equipoise.persistence.walk import needs_trust, walk
from equipoise.rules import capacity_in_words
from equipoise.tables.levels import without_levels
from equipoise.text import counted, exact, listed

_FEW = 100  # rows of a class; fewer make its metrics uncertain
_MOST = 12  # listed levels of a column
_LONGEST = 200  # characters of a table cell
_MARKS = re.compile(r"[\\`*\[\]|~@$]|(?<![^\W_])_|_(?![^\W_])")  # marks of Markdown; _ is one at the ends of words only
_DECISIONS = {
    "balanced": "most probable class if all classes were equally frequent",
    "macro_f1": "best class for macro F1, by offsets found on held-out rows",
    "natural": "most probable class",
    "costs": "class of the lowest expected cost",
}


def model_card(model: Any, card: dict[str, Any]) -> str:
    """Return the card in Markdown, from ``model.json`` and the descriptions of the model's parts."""
    about, schema = card["about"], card["schema"]
    name = _cell(about.get("recipe") or type(model).__name__)
    sections = [
        [f"# {name}: a classifier of {', '.join(map(_cell, schema['classes']))}"],
        ["## What it is", "", *_lines(_nature(model, card)), *_costs(about.get("costs") or {})],
        ["## What it was trained on", "", *_origin(about, schema)],
        *([["## What the check found", "", *_lines(map(_escaped, found))]] if (found := about.get("findings")) else []),
        ["## Columns", "", *_columns(schema["columns"], about)],
        ["## Figures", "", *_figures(about)],
        ["## Limits", "", *_lines(_limits(model, about, schema))],
        [
            "## Use",
            "",
            "```python",
            *python_lines(
                "this folder or zip file",
                "rows.csv",
                about.get("reading"),
                trusted=needs_trust(model),
                images=image_reader(model) is not None,
            ),
            "```",
        ],
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _nature(model: Any, card: dict[str, Any]) -> Iterable[str]:
    versions = ", ".join(f"{name} {number}" for name, number in card["versions"].items() if name != "equipoise")
    yield f"Saved by equipoise {card['versions']['equipoise']}, with {versions}."
    for description in descriptions(model):
        yield from map(_escaped, description.nature)
    terms = card["about"].get("terms")
    if aim := terms or card["about"].get("aim"):
        yield f"The decision aims at {_escaped(aim)}."
    for decision in card["schema"].get("decision", ()):
        if "decision" in decision:
            yield f"The decision is the {_DECISIONS[decision['decision']]}{_terms(decision, card['about'])}."
            yield from _alarms(decision)
        elif "probability_from_which_on" in decision:
            if priors := decision.get("decides_for_priors"):
                yield f"It decides for the class priors {_values(priors)}."
            if not terms:
                yield f"The decision is {_cut(decision['probability_from_which_on'], card)}."
        elif "thresholds" in decision and len(decision["thresholds"]) > 2:
            yield (
                "The decision is the class with the highest sum of the natural logarithm of its probability and its "
                f"offset, so that a higher offset means more rows: {_values(decision['thresholds'])}."
            )
        elif "alarms_in_a_batch" in decision:
            yield from _alarms(decision)
        else:
            yield "; ".join(f"{name.replace('_', ' ')} {_values(values)}" for name, values in decision.items()) + "."


def _alarms(decision: dict[str, Any]) -> Iterable[str]:
    """Tell how many rows of a batch have an alarm, and from which probability on."""
    for label, capacity in decision.get("alarms_in_a_batch", {}).items():
        cuts = decision.get("threshold", {}).values()
        least = "".join(f", none below a probability of {cut:.3g}" for cut in cuts)
        yield f"Alarms for {_cell(label)}: at most {capacity_in_words(capacity)} of a batch{least}."


def _costs(costs: dict[str, dict[str, float]]) -> Iterable[str]:
    """Tell costs of true classes (rows) and decided classes (columns)."""
    if costs:
        yield from ("", "Costs of each true class (rows) and decided class (columns):", "")
        yield from _table(
            ("true / decided", *costs), [(true, *map(exact, row.values())) for true, row in costs.items()]
        )


def _cut(threshold: dict[str, float], card: dict[str, Any]) -> str:
    """Say from which probability on rows are of the positive class, or else of the rarer one of two."""
    ((stated, cut),) = threshold.items()
    priors = card["schema"]["class_priors"] or {stated: 0.0}
    wanted = card["about"].get("positive") or min(priors, key=priors.__getitem__)
    return f"{_cell(wanted)} from a probability of {cut if wanted == stated else 1 - cut:.3g} on"


def _terms(decision: dict[str, Any], about: dict[str, Any]) -> str:
    if "offsets" in decision:
        return f"; offsets to log probabilities: {_values(decision['offsets'])}"
    weights = decision.get("weights")
    said = f", each probability first times its weight, tuned on held-out rows: {_values(weights)}" if weights else ""
    costs = {}.items() if about.get("costs") else decision["costs"].items()  # else in a table
    return said + "".join(
        f"; costs of decisions where the class is {_cell(true)}: {_values(row, exact)}" for true, row in costs
    )


def _origin(about: dict[str, Any], schema: dict[str, Any]) -> Iterable[str]:
    facts = {"Data": about.get("data"), "Target": about.get("target"), "Rows": about.get("rows")}
    if (trained := about.get("trained_rows")) and trained < facts["Rows"]:
        facts["Rows"] = f"{facts['Rows']:,}, of which a sample by class of {trained:,} trained"
    facts |= {f"Column of the {role}": name for role, name in about.get("roles", {}).items()}
    yield from _lines([f"{name}: {_cell(value)}" for name, value in facts.items() if value is not None])
    if schema["class_priors"]:
        yield ""
        counts = about["class_counts"]
        rows = [(label, f"{counts[label]:,}", f"{share:.2%}") for label, share in schema["class_priors"].items()]
        yield from _table(("class", "rows", "share"), rows)
    elif not any(value is not None for value in facts.values()):
        yield "Not recorded."


def _columns(columns: Sequence[dict[str, Any]], about: dict[str, Any]) -> Iterable[str]:
    """Tell the columns, their categories by name only where values may be shown, and those that mattered most."""
    rows = []
    for each in columns:
        levels, note = each.get("categories", []), each.get("note") or ""
        named = listed(levels, most=_MOST)
        if not about.get("show_values"):
            named, note = (counted(len(levels), "category", "categories") if levels else ""), without_levels(note)
        missing = f"{each['missing']:.1%}" if "missing" in each else ""
        rows.append((each["name"], each["kind"], missing, "; ".join(filter(None, [named, note]))))
    yield from _table(("column", "kind", "missing", "categories and notes"), rows)
    if important := about.get("important"):
        yield from ("", f"Most important on held-out rows: {'; '.join(map(_cell, important))}.")


def _figures(about: dict[str, Any]) -> Iterable[str]:
    figures, of_probabilities = about.get("figures"), about.get("figures_of_probabilities")
    if not figures and not of_probabilities:
        yield "No metrics were recorded. (Metrics on training rows would be misleading.)"
    else:
        yield from _measured(about, figures or {}, of_probabilities)
    if tested := about.get("tested"):
        yield from ("", "On the test part, which chose nothing:", "")
        yield from _table(("figure", "value"), [(name, _number(value)) for name, value in tested.items()])


def _measured(about: dict[str, Any], figures: dict[str, Any], of_probabilities: dict[str, Any] | None) -> Iterable[str]:
    if measured := about.get("measured"):
        yield from (f"Measured {_escaped(measured)}.", "")
    if of_probabilities:
        yield from (f"Of its decisions{', by the terms' if about.get('terms') else ''}:", "")
    yield from _figures_table(figures)
    if of_probabilities:
        yield from ("", "Of its probabilities, whatever is decided:", "")
        yield from _figures_table(of_probabilities)
    if cuts := about.get("cuts"):
        yield from ("", "Cuts and notes on these figures:", "", *_lines(map(_escaped, cuts)))


def _figures_table(figures: dict[str, Any]) -> list[str]:
    """Tell figures, each a number or a dict of ``value`` and, where they are known, ``low`` and ``high``."""
    rows, known = [], False
    for name, figure in figures.items():
        parts = figure if isinstance(figure, dict) else {"value": figure}
        low, high = (None if parts.get(end) is None else _number(parts[end]) for end in ("low", "high"))
        ends = [low, high] if low is not None and high is not None and low != high else []
        rows.append((name, _number(parts["value"]), " to ".join(ends)))
        known |= bool(ends)
    width = 3 if known else 2
    return _table(("figure", "value", "95% interval")[:width], [row[:width] for row in rows])


def _limits(model: Any, about: dict[str, Any], schema: dict[str, Any]) -> Iterable[str]:
    for label, count in (about.get("class_counts") or {}).items():
        if count < _FEW:
            yield f"Class {_cell(label)} had only {count} training rows; its metrics are uncertain."
    found, decisions = descriptions(model), schema.get("decision", ())
    balancing = dict.fromkeys(name for description in found for name in description.balancing)
    if any(getattr(part, "class_weight", None) is not None for part in walk(model)):
        balancing |= {"class_weight": None}
    corrections = [description.correction for description in found if description.correction]
    if any("exponent" in correction for correction in corrections):
        yield "Probabilities are calibrated on out-of-fold answers, by the exponent and the intercepts above."
    elif corrections:
        yield "Probabilities are corrected to the class priors above."
    elif balancing:
        yield (
            f"Trained with {', '.join(map(_cell, balancing))}: probabilities of minority classes are too high. "
            "`PriorCorrectedClassifier` corrects them to the class priors of new data."
        )
    else:
        for description in found:
            if description.priors is not None:
                yield f"Probabilities assume the class priors {_values(description.priors)}."
    if any("alarms_in_a_batch" in decision for decision in decisions):
        yield "Alarms are counted within a batch: the decision on a row depends on the other rows given to `predict`."
    if any("decides_for_priors" in decision for decision in decisions):
        yield "It decides for the class priors above, so the decision is not always the most probable class."
    if any("thresholds" in decision for decision in decisions):
        yield "Thresholds were tuned, so the decision is not always the most probable class."
    if any("categories" in column for column in schema["columns"]):
        yield "Unseen categories are treated as rare categories, or ignored."
    if any(column["kind"] in ("number", "date") for column in schema["columns"]):
        yield "Numbers far outside the range of the training rows are clipped."
    yield "The model does not detect distribution shift. Monitor its inputs and retrain when the data change."


def _values(values: dict[str, float], told: Callable[[float], str] = "{:.4g}".format) -> str:
    return ", ".join(f"{_cell(label)} {told(value)}" for label, value in values.items())


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _lines(texts: Iterable[str]) -> list[str]:
    return [f"- {text}" for text in texts]


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(map(_cell, line)) + " |" for line in lines]


def _cell(value: Any) -> str:
    """Escape a value: names of columns and classes are untrusted."""
    return _escaped(str(value)[:_LONGEST])


def _escaped(text: str) -> str:
    text = " ".join(text.split())
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    text = _MARKS.sub(r"\\\g<0>", text.replace("&", "&amp;").replace("<", "&lt;"))
    return text.replace("://", r":\//").replace("www.", r"www\.")
