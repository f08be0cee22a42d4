"""Sphinx's settings for both languages; `build.py` says which."""

import re
from itertools import pairwise

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

project = "shuzi 数字"
author = "shuzi"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
nb_execution_mode = "off"  # the notebooks have their outputs
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
default_role = "py:obj"  # what docstrings name in backticks
napoleon_use_ivar = True
napoleon_use_rtype = False
highlight_language = "text"  # of blocks that name none
html_theme = "furo"
html_title = project
html_favicon = "../shuzi/serve/static/icon.svg"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["book.css"]
html_js_files = ["book.js", ("../../offline.js", {"type": "module"})]
templates_path = ["templates"]
html_math_renderer = "mathml"
suppress_warnings = ["myst.xref_missing", "mystnb.unknown_mime_type"]  # links to source pages, made apart
SPACING = re.compile(r"\\[,;!]")
HAN = "\u4e00-\u9fff"


class SearchChinese(SearchEnglish):
    """Chinese without a dictionary: each character and each pair of neighbours is a word; Latin words as in English.

    Sphinx's own asks the page for a stemmer that isn't there, and finds no phrase longer than its dictionary's words.
    """

    lang = "zh"
    js_splitter_code = rf"""
var splitQuery = (query) => (query.match(/[{HAN}]+|\w+/g) || []).flatMap((word) =>
  word.length < 2 || /\w/.test(word) ? [word] : [...word].slice(1).map((one, at) => word[at] + one));
"""

    def split(self, input: str) -> list[str]:
        """Give the words of a text."""
        words = []
        for run in re.findall(rf"[{HAN}]+|[A-Za-z0-9_]+", input):
            han = run if re.match(f"[{HAN}]", run) else ""
            words += [*han, *map("".join, pairwise(han))] or [run]
        return words


def math(self: nodes.NodeVisitor, node: nodes.Element, block: bool) -> None:
    """Write an equation as MathML, which browsers draw themselves."""
    tex = SPACING.sub(" ", node.astext())
    body = tex2mathml(tex, as_block=block)
    self.body.append(f'<div class="equation">{body}</div>' if block else body)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Add the drawing of equations and the search in Chinese."""
    inline = (lambda self, node: math(self, node, block=False), None)
    block = (lambda self, node: math(self, node, block=True), None)
    app.add_html_math_renderer("mathml", inline, block)
    app.add_search_language(SearchChinese)
