"""Copy the Markdown twin of each page beside it and list all in ``llms.txt``, for readers that are language models.

``python docs/markdown_twins.py MARKDOWN SITE``, after both builds.
"""

import sys
from pathlib import Path

SECTIONS = {
    "": "Start",
    "guide": "Guide",
    "coming-from": "Coming from other libraries",
    "gallery": "Examples",
    "api": "API reference",
    "reproductions": "The papers, run again",
}
HEAD = """# equipoise

> Train classifiers on imbalanced data, and learn honestly which treatment of the imbalance helps: a command for
> tables, scikit-learn classifiers, imbalanced-learn samplers, and losses and transforms for any PyTorch loop.
"""


def title(page: str) -> str:
    """First heading of a page of Markdown."""
    return next((line.lstrip("# ").strip() for line in page.splitlines() if line.startswith("# ")), "")


def section(path: Path) -> str:
    """Section that a page belongs to, by its top folder."""
    return SECTIONS.get(path.parts[0] if len(path.parts) > 1 else "", "Other")


def main(markdown: Path, site: Path) -> None:
    """Write the twins and their list into the built site."""
    pages: dict[str, list[str]] = {name: [] for name in [*SECTIONS.values(), "Other"]}
    for source in sorted(markdown.rglob("*.md")):
        path = source.relative_to(markdown)
        text = source.read_text(encoding="utf-8")
        twin = site / path
        twin.write_text(text, encoding="utf-8")
        if name := title(text):
            pages[section(path)].append(f"- [{name}]({path.as_posix()})")
    listed = [f"## {name}\n\n" + "\n".join(lines) for name, lines in pages.items() if lines]
    (site / "llms.txt").write_text("\n\n".join([HEAD.rstrip(), *listed]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
