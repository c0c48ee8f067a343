"""Links within the documentation lead to pages and headings that exist, and its commands to options that do."""

import re
import shlex
from pathlib import Path

import pytest

from equipoise.cli import app

ROOT = Path(__file__).parents[2]
SITE = [page for page in (ROOT / "docs").rglob("*.md") if not {"gallery", "generated"} & set(page.parts)]
PAGES = sorted([*ROOT.glob("*.md"), *SITE])
BUILT = ("gallery/", "api/generated/")  # pages that exist once the site is built
FENCE = re.compile(r"^(`{3,})[^`\n]*\n.*?^\1$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|^:link: (\S+)$", re.MULTILINE)
COMMAND = re.compile(r"^(?:    )?(equipoise .*?)(?:  +#.*)?$", re.MULTILINE)


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """Anchors of headings, as GitHub and myst-parser make them."""
    headings = re.findall(r"^#{1,6} (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """Links of a page to nowhere."""
    text = FENCE.sub("", page.read_text("utf-8")) + "\n".join(
        re.findall(r"^:link: \S+$", page.read_text("utf-8"), re.M)
    )
    missing = []
    for link in (inline or card for inline, card in LINK.findall(text)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if re.match(r"\w+:", link) or named_in_build(target):
            continue
        target = target if target.exists() else target.with_name(f"{target.name}.md")
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    return missing


def named_in_build(target: Path) -> bool:
    """Whether the site's build makes this page; `make docs` checks these links."""
    docs = ROOT / "docs"
    return target.is_relative_to(docs) and target.relative_to(docs).as_posix().startswith(BUILT)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_of_a_page_lead_somewhere(page: Path):
    assert broken(page) == []


def test_a_link_to_nowhere_is_found(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("# A heading\n[a](#a-heading) [b](#another) [c](none.md) [d](page.md) [e](https://example.org)\n")
    assert broken(page) == ["#another", "none.md"]


COMMANDS = sorted({line for page in PAGES for line in COMMAND.findall(page.read_text("utf-8").replace("\\\n", " "))})


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_documentation_is_understood(line: str):
    app.parse_args(shlex.split(line, comments=True)[1:], exit_on_error=False, print_error=False)
