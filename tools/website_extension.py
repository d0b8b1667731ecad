"""What Sphinx cannot do by itself: MathML, contracts at functions, corners that are no headings."""

import inspect
import re
import textwrap

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import inspect as sphinx_inspect
from sphinx.util import logging

CONTRACT = re.compile(r'@shapes\(\s*"([^"]+)"')
DEFAULTS = {
    r"<function (\w+)>": r"\1",
    r"<class 'numpy\.(\w+)'>": r"np.\1",
    r"\w*Path\('.*?'\)": "...",
}
EMPTY = re.compile(r"<th\b[^>]*>(<p></p>)?</th>")
_warn = logging.getLogger(__name__).warning


def mathml(formula, display):
    """Return a formula as MathML, which browsers draw without a script.

    A command that is not known is passed on as text by the converter; here it is a warning, and
    warnings are errors.
    """
    shown = convert(formula, display=display)
    if left := re.search(r"\\[A-Za-z]+", shown):
        _warn("%s is not understood in the formula %s", left[0], formula)
    return shown


def _visit_math(translator, node):
    translator.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _visit_display(translator, node):
    translator.body.append(f'<div class="formula">{mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def _as_restructured_text(app, what, name, thing, options, lines):
    """Turn a docstring, which is plain text, into what Sphinx reads.

    Stars, bars and underscores mean themselves; a formula, a paragraph with = that is no sentence,
    and indented lines in the docstring of a module or class are shown as they stand. The contract
    comes first.
    """
    text = "" if lines[0].startswith("Alias for field number") else "\n".join(lines)
    text = re.sub(r"([*|]|_(?!\w))(?=[^`\n]*(?:`[^`\n]*`[^`\n]*)*$)", r"\\\1", text, flags=re.M)
    parts = re.split(r"\n\s*\n", text)
    shown = [_literal(part) if _is_formula(part, what) else part for part in parts]
    if what in ("function", "method") and hasattr(thing, "contract"):
        contract = CONTRACT.search(inspect.getsource(thing))[1].strip()
        shown.insert(0, f"**Contract:** ``{contract}``")
    if what in ("attribute", "data", "property"):
        shown.insert(0, "..")  # else what stands before a colon in the first line is its type
    lines[:] = "\n\n".join(shown).split("\n")


def _is_formula(part, what):
    indented = part.startswith(" ")
    if indented:
        return what in ("module", "class")
    return " = " in part and not part.rstrip().endswith((".", ":"))


def _literal(part):
    return "::\n\n" + textwrap.indent(part.replace("\\", ""), "    ")


def _readable_signature(app, what, name, thing, options, signature, returns):
    """Show functions and types by their names, and a class by what it is made with."""
    if what == "class" and signature == "(*args, **kwargs)":
        if thing.__init__ is object.__init__:
            return "()", returns
        shown = sphinx_inspect.signature(thing.__init__, bound_method=True)
        signature = sphinx_inspect.stringify_signature(shown, show_annotation=False)
    for written, shown in DEFAULTS.items():
        signature = re.sub(written, shown, signature or "")
    return signature or None, returns


def _without_empty_headings(app, name, template, context, tree):
    """Make a table's empty corner a plain cell: a screen reader would announce it as a heading."""
    if "body" in context:
        context["body"] = EMPTY.sub("<td></td>", context["body"])


def setup(app):
    """Register all of it."""
    app.connect("html-page-context", _without_empty_headings)
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_display, None))
    app.connect("autodoc-process-signature", _readable_signature)
    app.connect("autodoc-process-docstring", _as_restructured_text, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
