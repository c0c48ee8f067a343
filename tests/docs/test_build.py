"""The site builds without a warning, and a broken example or reference fails the build."""

import ast
import importlib
import shutil
from pathlib import Path

import pytest

pytest.importorskip("sphinx_gallery")

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))


@pytest.fixture
def build(program):
    """Run Sphinx as `make docs` does."""

    def run(source: Path, out: Path, *options: str):
        code = "import sys; from sphinx.cmd.build import main; sys.exit(main(sys.argv[1:]))"
        sphinx = ["-W", "--keep-going", "-q", "-b", "html", "-d", out / "doctrees"]
        done = program(code, *sphinx, *options, source, out / "site")
        done.wait(1200)
        return done

    return run


@pytest.fixture
def gallery(build, tmp_path):
    """Build a site of one page and one example, with the options of ours."""
    (tmp_path / "conf.py").write_text(
        f"exec(compile(open({str(DOCS / 'conf.py')!r}).read(), 'conf.py', 'exec'))\n"
        "extensions = ['sphinx.ext.autodoc', 'sphinx_gallery.gen_gallery']\n"
        "html_theme, html_theme_options, html_sidebars = 'basic', {}, {}\n"
        "html_static_path, html_css_files, templates_path = [], [], []\n"
    )
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "README.rst").write_text("Examples\n========\n")

    def built(code: str, page: str = ""):
        (tmp_path / "index.rst").write_text(f"Start\n=====\n\n.. toctree::\n\n   gallery/index\n\n{page}\n")
        (tmp_path / "examples" / "plot_one.py").write_text(f'"""\nOne\n===\n"""\n\n{code}\n')
        return build(tmp_path, tmp_path / "out")

    return built


@pytest.mark.timeout(1500)  # half a minute of work, on machines busy with other tests
def test_the_site_builds_without_a_warning(build, tmp_path):
    source = shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("gallery", "generated", "used_in"))
    done = build(source, tmp_path, "-D", "plot_gallery=0")
    assert done.code == 0, done.errors
    assert (tmp_path / "site" / "index.html").exists()
    twins = build(source, tmp_path, "-D", "plot_gallery=0", "-b", "markdown")
    assert twins.code == 0, twins.errors
    assert "**alpha** (float, default=0.3)" in (tmp_path / "site/api/generated/equipoise.ReMix.md").read_text()
    assert "I have a table" in (tmp_path / "site/index.md").read_text()


def test_a_broken_example_fails_the_build(gallery):
    done = gallery("raise ValueError('no such treatment')")
    assert done.code != 0 and "no such treatment" in done.said + done.errors


def test_a_reference_to_a_name_of_ours_that_is_missing_fails_the_build(gallery, tmp_path):
    """Nothing else does: the example ran, and a name that nobody documents is code."""
    done = gallery("print(6 * 7)", page="`equipoise.NoSuchLoss`, `predict`")
    (warning,) = [line for line in done.errors.splitlines() if "WARNING: " in line]
    assert done.code != 0 and "equipoise.NoSuchLoss" in warning and "predict" not in done.errors
    assert "42" in (tmp_path / "out" / "site" / "gallery" / "plot_one.html").read_text("utf-8")


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_an_example_imports_what_exists(example):
    for node in ast.walk(ast.parse(example.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("equipoise"):
            module = importlib.import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names), f"line {node.lineno}"
