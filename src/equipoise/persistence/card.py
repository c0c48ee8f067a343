"""The model card: a page for people that says what a model is, what it was trained on, its figures and its limits."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from equipoise.batches import BalancedBatchSampler, ReMix
from equipoise.classifiers import AutoClassifier, MUBOClassifier, NeuralClassifier, ResampledClassifier
from equipoise.decisions import PriorCorrectedClassifier, TunedThresholdsClassifier
from equipoise.persistence.walk import walk

_FEW = 100  # rows of a class below which a figure about it says little
_MOST = 12  # levels of a column that are listed
_MARKS = re.compile(r"[\\`*\[\]|~@$]|(?<![^\W_])_|_(?![^\W_])")  # marks of Markdown; _ is one at the ends of words only
_DECISIONS = {
    "balanced": "that is most probable if all were equally frequent",
    "macro_f1": "that is best for macro F1, by offsets found on rows that no network had seen",
    "natural": "that is most probable",
    "costs": "of the lowest expected cost",
}


def model_card(model: Any, card: dict[str, Any]) -> str:
    """Write the card, in Markdown, from what ``model.json`` holds and the model tells."""
    about, schema = card["about"], card["schema"]
    name = _cell(about.get("recipe") or type(model).__name__)
    sections = [
        [f"# {name}: a classifier of {', '.join(map(_cell, schema['classes']))}"],
        ["## What it is", "", *_lines(_nature(model, card))],
        ["## What it was trained on", "", *_origin(about, schema)],
        ["## Columns", "", *_columns(schema["columns"])],
        ["## Figures", "", *_figures(about.get("figures"), about.get("measured"))],
        ["## Limits", "", *_lines(_limits(model, about, schema))],
        [
            "## Use",
            "",
            "```python",
            "from equipoise import load",
            "",
            'model = load("this folder or zip file")',
            "model.predict_proba(frame)",
            "```",
        ],
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _nature(model: Any, card: dict[str, Any]) -> Iterable[str]:
    yield f"Saved by equipoise {card['versions']['equipoise']}, with {_versions(card['versions'])}."
    for part in walk(model):
        if isinstance(part, NeuralClassifier | MUBOClassifier) and hasattr(part, "ensemble_"):
            sizes = [f"{name} {array.shape}" for name, array in part.ensemble_.weights_.items() if "weights" in name]
            yield f"{type(part).__name__} of {part.ensemble_.n_members} network(s): {', '.join(sizes)}."
        if isinstance(part, AutoClassifier) and hasattr(part, "pool_weights_"):
            yield from _pooled(part)
    for decision in card["schema"].get("decision", ()):
        if "decision" in decision:
            yield f"It decides for the class {_DECISIONS[decision['decision']]}{_terms(decision)}."
        else:
            yield "; ".join(f"{name.replace('_', ' ')} {_shares(values)}" for name, values in decision.items()) + "."


def _pooled(auto: AutoClassifier) -> Iterable[str]:
    n_kinds, n_folds = len(auto.kinds_), len(auto.fold_ensembles_)
    yield (
        f"AutoClassifier of {n_kinds * n_folds} networks, of {n_kinds} kinds on each of {n_folds} folds of the "
        "rows. Those of a fold were trained on the others; by what they answered for it, probabilities of the kinds "
        "are put together as a product of powers."
    )
    for number, (kind, power) in enumerate(zip(auto.kinds_, auto.pool_weights_, strict=True), 1):
        settings = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(kind).items())
        yield f"Kind {number}: power {power:.4g}, {settings}."


def _terms(decision: dict[str, Any]) -> str:
    if "offsets" in decision:
        return f"; log probabilities are moved by {_shares(decision['offsets'])}"
    return "".join(
        f"; a row of {_cell(true)} decided for costs {_shares(costs)}" for true, costs in decision["costs"].items()
    )


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items() if name != "equipoise")


def _origin(about: dict[str, Any], schema: dict[str, Any]) -> Iterable[str]:
    told = {"Data": about.get("data"), "Target": about.get("target"), "Rows": about.get("rows")}
    yield from _lines([f"{name}: {_cell(value)}" for name, value in told.items() if value is not None])
    if schema["class_priors"]:
        yield ""
        counts = about["class_counts"]
        rows = [(label, f"{counts[label]:,}", f"{share:.2%}") for label, share in schema["class_priors"].items()]
        yield from _table(("class", "rows", "share"), rows)
    elif not any(value is not None for value in told.values()):
        yield "Not told."


def _columns(columns: Sequence[dict[str, Any]]) -> Iterable[str]:
    rows = [
        (
            each["name"],
            each["kind"],
            f"{each['missing']:.1%}" if "missing" in each else "",
            "; ".join(filter(None, [_few(each.get("categories", [])), each.get("note")])),
        )
        for each in columns
    ]
    return _table(("column", "kind", "missing", "categories and notes"), rows)


def _figures(figures: dict[str, Any] | None, measured: Any) -> Iterable[str]:
    if not figures:
        yield "None were told. A figure on the rows that it trained on would say nothing."
        return
    if measured:
        yield from (f"Measured {_cell(measured)}.", "")
    yield from _table(("figure", "value"), [(name, _number(value)) for name, value in figures.items()])


def _limits(model: Any, about: dict[str, Any], schema: dict[str, Any]) -> Iterable[str]:
    for label, count in (about.get("class_counts") or {}).items():
        if count < _FEW:
            yield f"Class {_cell(label)} had {count} rows only: what is known of it is uncertain."
    leaning = dict.fromkeys(told for part in walk(model) for told in _balancing(part))
    corrected = any(isinstance(part, PriorCorrectedClassifier) for part in walk(model))
    if leaning and not corrected:
        yield (
            f"It was trained with {', '.join(leaning)}: its probabilities lean towards rare classes. "
            "`PriorCorrectedClassifier` brings them back to the shares of your world."
        )
    if corrected:
        yield "Its probabilities hold where the classes have the shares that they were corrected to."
    if not leaning and not corrected:
        for part in walk(model):
            if isinstance(part, AutoClassifier) and hasattr(part, "pool_weights_"):
                shares = dict(zip(schema["classes"], part.priors_.tolist(), strict=True))
                yield f"Its probabilities are natural: they hold where the classes have the shares {_shares(shares)}."
    if any(isinstance(part, TunedThresholdsClassifier) for part in walk(model)):
        yield "It does not always decide for the most probable class: its thresholds were tuned."
    if any("categories" in column for column in schema["columns"]):
        yield "Categories that it never saw count as rare ones, or as none."
    if any(column["kind"] in ("number", "date") for column in schema["columns"]):
        yield "Numbers far beyond those that it was trained on are cut off where those end."
    yield "It knows rows like those that it was trained on. Where the world changes, it does not notice."


def _balancing(part: Any) -> Iterable[str]:
    """Name what makes a classifier see its classes as more even than they are."""
    if isinstance(part, MUBOClassifier | ResampledClassifier):
        yield type(getattr(part, "sampler", part)).__name__
    if isinstance(part, NeuralClassifier):
        if part.sampler is not None:
            yield type(part.sampler).__name__
        if part.batch_sampler is BalancedBatchSampler:
            yield "BalancedBatchSampler"
        if isinstance(part.batch_transform, ReMix):
            yield "ReMix"
        if part.loss != "cross_entropy":
            yield getattr(part.loss, "__name__", type(part.loss).__name__)
    if getattr(part, "class_weight", None) is not None:
        yield "class_weight"


def _shares(values: dict[str, float]) -> str:
    return ", ".join(f"{_cell(label)} {value:.4g}" for label, value in values.items())


def _few(levels: Sequence[str]) -> str:
    more = f" and {len(levels) - _MOST} more" if len(levels) > _MOST else ""
    return ", ".join(levels[:_MOST]) + more


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _lines(texts: Iterable[str]) -> list[str]:
    return [f"- {text}" for text in texts]


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(map(_cell, line)) + " |" for line in lines]


def _cell(value: Any) -> str:
    """Text that stays text in its place: names of columns and classes come from anywhere."""
    text = " ".join(str(value).split())[:200]
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    text = _MARKS.sub(r"\\\g<0>", text.replace("&", "&amp;").replace("<", "&lt;"))
    return text.replace("://", r":\//").replace("www.", r"www\.")
