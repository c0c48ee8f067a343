"""The pages of the AutoBalance reproduction: tables and long tails, images, groups and the split."""

from pathlib import Path

import pandas as pd

from equipoise import datasets
from equipoise.experiments.claims import as_markdown
from equipoise.reports.files import replace_file
from equipoise_reproductions import suite
from equipoise_reproductions.autobalance import claims, images, plots, runs, splits, tables
from equipoise_reproductions.autobalance.adult import adult
from equipoise_reproductions.autobalance.arms import DEFAULT, GAMMAS, GROUPS, TABLES, TAUS, TITLES, VS_GAMMAS, VS_TAUS
from equipoise_reproductions.autobalance.runs import ADULT, QUICK, SCORED, SUITE, TAILS
from equipoise_reproductions.autobalance.tails import SETS
from equipoise_reproductions.page import Plot, Section, Table, write_page
from equipoise_reproductions.suite import Effort, OnProgress

_PAPER = "Li et al., AutoBalance: Optimized Loss Functions for Imbalanced Data (NeurIPS 2021, arXiv 2201.01212)."
_PROTOCOL = (
    "Every method trains {members} networks a fold, two hidden layers of 256 and 128 units, at most {steps} gradient "
    "steps each; {folds} stratified folds, drawn once, probabilities averaged, the most probable class decided. A "
    "network that tries several losses, or searches for one, trains anew on all rows with what was chosen, for as many "
    "steps again; all choose by the same fifth of the rows of each class. Grids: tau {taus} (LA), gamma {gammas} "
    "(CDT), tau {vs_taus} by gamma {vs_gammas} (VS)."
)
_TAIL = (
    "Balanced data sets of many classes; the training side of each fold is cut so that the classes shrink "
    "exponentially, the largest 100 times the smallest, in an order drawn anew for each fold. The test side is whole."
)
_IMAGES = (
    "Fashion-MNIST, {largest:,} training images of the most frequent class down to {smallest:,} of the rarest, "
    "{total:,} in all; {seeds} seeds, each with another order of the classes and another draw of the images, and all "
    "test images. One network each: 3x3 convolutions of stride 2 with 16 and 32 channels, 64 hidden units; {steps:,} "
    "steps of 64 images, no augmentation. LDAM has a cosine head. What chooses among losses does so by a fifth of the "
    "images of each class, and trains anew on all of them; grids as for tables."
)
_QUICK = "A quick run: the shape of the result, not its numbers."
_GROUPS = (
    "Income above 50,000 dollars is the label, sex the group, which is no feature and is not needed to predict. DEO is "
    "the sum over classes of the difference of the two sexes' errors. The searches by sex blend the mean loss of the "
    "four cells of class and sex with DEO: (1 - lambda) and lambda. They start from LA by the shares within each sex."
)
_SPLIT = (
    "Searches from plain cross-entropy, with the shares of the rows that the paper's Figure 4 has. The networks of the "
    "search are looked at while they train; in the end a network trains on all rows with the loss that was found."
)


def tables_page(out: Path, *, quick: bool, command: str, on_progress: OnProgress) -> Path:
    """Run all losses on small sets and on long tails; write ranks, tests, costs and verdicts."""
    of_suite, of_tails = (QUICK, QUICK) if quick else (SUITE, TAILS)
    missing = [
        *suite.run_sets(out / "suite", of_suite, TABLES, on_progress),
        *runs.run_tails(out / "tails", of_tails, on_progress),
    ]
    found, by_fold = (read(out / "suite", datasets.suite(), SCORED) for read in (suite.scores, suite.scores_by_fold))
    tails = suite.scores_by_fold(out / "tails", {name: name for name in SETS}, SCORED)
    scores = pd.concat([by_fold.assign(part="suite"), tails.assign(part="long tail")])
    replace_file(out / "scores.csv", scores.round(6).to_csv(index=False, lineterminator="\n"))
    judged = claims.table_claims(found, by_fold, tails)
    replace_file(out / "autobalance-tables-claims.md", as_markdown(judged, command))
    over = tables.OVER_SOURCES
    sections = [
        Section(
            "Over the suite",
            [
                *([_QUICK] if quick else []),
                *([f"Missing: {', '.join(missing)}."] if missing else []),
                _protocol(of_suite),
                f"Sets of at most {of_suite.most_rows:,} rows; a source counts once.",
                tables.is_la_beaten(found),
                Table("All methods", over.ranks(found, tables.METHODS)),
                Table(f"{TITLES[DEFAULT]} against the others", over.tests(found, tables.METHODS, DEFAULT)),
                Table("LA with a tuned tau against every search", tables.against_la(found)),
            ],
        ),
        Section(
            "Long tails",
            [_TAIL, _protocol(of_tails), Table("Means, and gains with 95% intervals", tables.tails(tails))],
        ),
        Section(
            "Which solver",
            [Table("CG against identity", tables.solvers(found)), Table("What it costs", tables.costs(by_fold))],
        ),
        Section("The claims", judged),
        Section("Every set", [Table(m.title, over.every_set(found, m.name, tables.METHODS)) for m in SCORED]),
    ]
    write_page(out / "autobalance-tables.html", "AutoBalance, tables and long tails", _PAPER, sections, command=command)
    return out / "autobalance-tables.html"


def images_page(out: Path, *, quick: bool, command: str, on_progress: OnProgress) -> Path:
    """Run all losses on Fashion-MNIST-LT with a small CNN; write scores, errors by class, and what was chosen."""
    effort = images.QUICK if quick else images.FULL
    images.run_images(out / "images", effort, on_progress)
    path = out / "images" / f"{images.NAME}.sqlite"
    by_seed = suite.scores_by_fold(out / "images", {images.NAME: images.NAME}, SCORED)
    classes, chosen = images.by_class(path), images.strengths(path)
    replace_file(out / "image-scores.csv", by_seed.round(6).to_csv(index=False, lineterminator="\n"))
    replace_file(out / "image-classes.csv", classes.round(6).to_csv(index=False, lineterminator="\n"))
    judged = claims.image_claims(by_seed)
    replace_file(out / "autobalance-images-claims.md", as_markdown(judged, command))
    sections = [
        Section(
            "Fashion-MNIST-LT",
            [
                *([_QUICK] if quick else []),
                _images(effort, classes),
                tables.is_la_beaten_on_images(by_seed),
                Table("Mean and deviation over seeds", tables.images(by_seed)),
                Plot(
                    "Error by class, the most frequent first; means over seeds.",
                    plots.by_class(classes),
                    "Error of each class against its training images.",
                ),
            ],
        ),
        Section(
            "What was chosen",
            [
                Table("Tuned tau and gamma", tables.strengths(chosen)),
                Plot(
                    "Found by the searches; means over seeds.",
                    plots.found(classes),
                    "Offsets and multipliers by class.",
                ),
            ],
        ),
        Section("The claims", judged),
    ]
    write_page(out / "autobalance-images.html", "AutoBalance, long-tailed images", _PAPER, sections, command=command)
    return out / "autobalance-images.html"


def groups_page(out: Path, *, quick: bool, command: str, on_progress: OnProgress) -> Path:
    """Run adult with sex as the group, and searches with three validation shares; write tables and verdicts."""
    effort, of_splits = (QUICK, splits.QUICK) if quick else (ADULT, splits.FULL)
    runs.run_groups(out / "groups", effort)
    scores = runs.group_scores(out / "groups" / "adult.sqlite", adult()[1])
    looks = splits.courses(out / "splits", of_splits, on_progress)
    replace_file(out / "group-scores.csv", scores.round(6).to_csv(index=False, lineterminator="\n"))
    replace_file(out / "splits.csv", looks.round(6).to_csv(index=False, lineterminator="\n"))
    judged = claims.group_claims(scores, looks)
    replace_file(out / "autobalance-groups-claims.md", as_markdown(judged, command))
    sections = [
        Section(
            "Adult by sex",
            [
                *([_QUICK] if quick else []),
                _GROUPS,
                _protocol(effort),
                Table("Means over folds", tables.groups(scores, [arm.name for arm in GROUPS])),
                Plot("DEO against balanced error; along the line, lambda.", plots.trade_off(scores), "The trade-off."),
            ],
        ),
        Section(
            "What the split is for",
            [
                _SPLIT,
                f"{of_splits.n_seeds} searches each, {of_splits.n_steps} steps.",
                *(
                    Table(f"{name}: {part['fairness'].iloc[0]} in the end", tables.splits(looks, str(name)))
                    for name, part in looks.groupby("set", sort=False)
                ),
                *(
                    Plot(
                        f"Search over {searched}; means of the searches.",
                        plots.courses(looks, searched),
                        f"Fairness along a search over {searched}.",
                    )
                    for searched in splits.SEARCHED
                ),
            ],
        ),
        Section("The claims", judged),
    ]
    write_page(out / "autobalance-groups.html", "AutoBalance, groups and the split", _PAPER, sections, command=command)
    return out / "autobalance-groups.html"


def _protocol(effort: Effort) -> str:
    listed = {"taus": TAUS, "gammas": GAMMAS, "vs_taus": VS_TAUS, "vs_gammas": VS_GAMMAS}
    return _PROTOCOL.format(
        members=effort.n_members,
        steps=effort.most_steps,
        folds=effort.n_folds,
        **{name: ", ".join(f"{value:g}" for value in values) for name, values in listed.items()},
    )


def _images(effort: Effort, classes: pd.DataFrame) -> str:
    of_one = classes.drop_duplicates(["seed", "class"]).query("seed == 0")["images"]
    return _IMAGES.format(
        largest=of_one.max(), smallest=of_one.min(), total=of_one.sum(), seeds=effort.n_folds, steps=effort.most_steps
    )
