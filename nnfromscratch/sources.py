"""The source of a function, as a lesson shows it: contract and body, as they stand in the file."""

import ast
import inspect
import textwrap
from collections.abc import Callable


def show_source(*functions: Callable | type, docstring: bool = False) -> None:
    """Print the source of functions or classes, without the docstrings unless asked for.

    Nothing else is left out, and nothing is rewritten: a function that could not be shown like this
    is too long.
    """
    print("\n\n".join(_source(function, docstring) for function in functions))


def _source(function: Callable | type, docstring: bool) -> str:
    try:
        source = textwrap.dedent(inspect.getsource(function)).rstrip()
    except (OSError, TypeError):
        raise TypeError(
            f"show_source: functions must be functions or classes written in Python, "
            f"got {function!r}"
        ) from None
    if docstring:
        return source
    documented = (ast.FunctionDef, ast.ClassDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, documented)]
    texts = [node.body[0] for node in nodes if ast.get_docstring(node) is not None]
    hidden = {n for text in texts for n in range(text.lineno, (text.end_lineno or 0) + 1)}
    lines = source.splitlines()
    return "\n".join(line for n, line in enumerate(lines, start=1) if n not in hidden)
