"""Sphinx's settings for both languages; `build.py` says which."""

import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

project = "shuzi 数字"
author = "shuzi"
extensions = ["myst_nb"]
nb_execution_mode = "off"  # the notebooks have their outputs
myst_enable_extensions = ["dollarmath"]
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["book.css"]
templates_path = ["templates"]
html_math_renderer = "mathml"
suppress_warnings = ["myst.xref_missing", "mystnb.unknown_mime_type"]  # links to source pages, made apart
SPACING = re.compile(r"\\[,;!]")


def math(self: nodes.NodeVisitor, node: nodes.Element, block: bool) -> None:
    """Write an equation as MathML, which browsers draw themselves."""
    tex = SPACING.sub(" ", node.astext())
    body = tex2mathml(tex, as_block=block)
    self.body.append(f'<div class="equation">{body}</div>' if block else body)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Add the drawing of equations."""
    inline = (lambda self, node: math(self, node, block=False), None)
    block = (lambda self, node: math(self, node, block=True), None)
    app.add_html_math_renderer("mathml", inline, block)
