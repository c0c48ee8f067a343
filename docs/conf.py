"""The documentation site: `make docs` builds it, with warnings as errors and without a network."""

import re
from typing import Any

from docutils import nodes
from sphinx.util.nodes import make_refnode

import equipoise

project = "equipoise"
author = "The equipoise developers"
copyright = f"2026, {author}"
version = release = equipoise.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_markdown_builder",
]
exclude_patterns = ["_build", "_templates", "examples", "README.md"]
templates_path = ["_templates"]

# Docstrings: `name` links where it names something documented, and is code elsewhere.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [("py:obj", r"(?!equipoise\b).*")]  # a full name of ours must exist
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections state the types
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
add_module_names = False

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "backreferences_dir": "api/used_in",
    "doc_module": ("equipoise",),
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"train_",  # programs that an example starts
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "within_subsection_order": "FileNameSortKey",
    "copyfile_regex": r".*\.csv",
    "min_reported_time": 20,
    "write_computation_times": False,
}
suppress_warnings = ["config.cache"]  # sphinx-gallery keeps functions in its options

html_theme = "pydata_sphinx_theme"
html_title = "equipoise"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "equipoise"},
    "show_prev_next": False,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "navigation_with_keys": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
alone = ("index", "choose-a-treatment", "honest-numbers", "coming-from/index", "glossary", "benchmarks", "support")
html_sidebars = {page: [] for page in alone}


def find_short_name(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Link a public name that a docstring gives without its module, where only one has it."""
    if node.get("refdomain") != "py" or node.get("reftype") != "obj":
        return None
    python = env.get_domain("py")
    found = python.find_obj(env, None, None, node["reftarget"], "obj", 1)
    documented = {entry.node_id: entry for _, entry in found}
    if len(documented) != 1:
        return None
    (entry,) = documented.values()
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, node["reftarget"])


def plain_nodes(app: Any, doctree: Any, docname: str) -> None:
    """Put what the Markdown builder does not know (types of parameters, cards, the diagram) in nodes that it knows."""
    if app.builder.name != "markdown":
        return
    for node in list(doctree.findall(nodes.Element)):
        match type(node).__name__:
            case "classifier":
                node.parent[node.parent.index(node) - 1] += nodes.Text(f" ({node.astext()})")
                node.parent.remove(node)
            case "abbreviation":
                node.replace_self(nodes.Text(node.astext()))
            case "PassthroughTextElement":
                node.replace_self(nodes.paragraph("", "", *node.children))
            case "raw" if label := re.search('aria-label="(.*?)"', node.astext()):
                node.replace_self(nodes.paragraph(text=label[1]))
            case "imgsgnode":
                node.parent.remove(node)


def setup(app: Any) -> None:
    """Register the hooks."""
    app.connect("missing-reference", find_short_name)
    app.connect("doctree-resolved", plain_nodes)
