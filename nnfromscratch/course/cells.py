"""What Jupyter makes of a cell: Python, and the names that it defines.

A cell may hold magics, shell lines, questions, prompts and too much indent. IPython's transformer
rewrites them here, outside the sandbox; it runs nothing. What they call, `get_ipython()`, exists in
the sandbox and does nothing there.
"""

import ast
import functools
import re
import warnings

from .runner import RUNS

DEPTH = 10
"""Cell magics one above the other."""
LONGEST_LINE = 2_000
"""Characters of a line with a question mark; the transformer's time is their square."""
MOST_WORK = 1_000_000
"""Characters that the transformer may read for one cell: it starts again after each change."""
MOST_OF_A_FILE = 10_000_000
"""Characters that it may read for all cells of a file."""
PROMPT = re.compile(r"(?m)^In \[\d+\]: ")
"""What IPython takes away also where it is Python: `In [1]: x = 2` says which type `In[1]` has."""
MARKED = re.compile(r"(?m)^[ \t]*[%!?,;/]|=[ \t]*[%!]|\?[ \t]*$")
left = {"work": MOST_OF_A_FILE}


def begin_file() -> None:
    """Allow the transformer what it may read for one file."""
    left["work"] = MOST_OF_A_FILE
    _rewritten.cache_clear()


def python(text: str) -> str:
    """Return a cell's text as Python that can be run.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: Jupyter could not run it either.
    """
    text = _rewritten(text) if PROMPT.search(text) else text
    for _ in range(DEPTH):
        try:
            compiled(text)
        except SyntaxError:
            text = _rewritten(text)
            compiled(text)
        body = _below_a_magic(text)
        if body is None:
            break
        text = body
    return text


def compiled(text: str) -> None:
    """Raise what Python says against a text, a `return` outside a function included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes like backslash s in a text: theirs to read
        compile(text, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


@functools.cache
def _transformer():
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager()


@functools.lru_cache(1000)
def _rewritten(text: str) -> str:
    """Return what IPython makes of a text, or the text itself if that would take too long."""
    work = len(text) * (1 + len(MARKED.findall(text)))
    asked = max((len(line) for line in text.splitlines() if "?" in line), default=0)
    if work > min(MOST_WORK, left["work"]) or asked > LONGEST_LINE:
        return text
    left["work"] -= work
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _transformer().transform_cell(text)
    except Exception:  # what it cannot rewrite, it leaves
        return text


def _below_a_magic(text: str) -> str | None:
    """Return what stands below a cell magic that runs it in the notebook, like %%time."""
    magic = _cell_magic(text)
    return magic[1] if magic and magic[0] in RUNS else None


def _cell_magic(text: str) -> tuple[str, str] | None:
    """Return the name of the cell magic that is all of a text, and what stands below it."""
    if not text.startswith("get_ipython().run_cell_magic("):
        return None
    try:
        name, _, body = map(ast.literal_eval, ast.parse(text).body[0].value.args)
    except (ValueError, AttributeError, IndexError):
        return None
    return (name, body) if isinstance(name, str) and isinstance(body, str) else None


def held_by_a_magic(text: str) -> tuple[str, list[str]]:
    """Return the cell magic that keeps a cell from being run, and the names it would define."""
    magic = _cell_magic(text)
    return (magic[0], names_of(magic[1])) if magic else ("", [])


def defined(tree: ast.Module) -> list[str]:
    """Return the names that a cell defines at its top level."""
    names = []
    for node in _statements(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [
                n.id
                for t in targets
                for n in ast.walk(t)
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            ]
    return names


def _statements(tree: ast.Module):
    """Yield the statements that run in a cell's own namespace: also those below an `if`."""
    todo = tree.body[::-1]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = ast.iter_child_nodes(node)
            todo += [n for n in inner if isinstance(n, ast.stmt | ast.ExceptHandler)][::-1]


def names_of(text: str) -> list[str]:
    """Return the names that a cell defines; of one that is not Python, those it seems to."""
    try:
        return defined(ast.parse(python(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.findall(r"(?m)^\s*(?:async +)?(?:def|class) +(\w+)", text)


def used(code: str) -> set[str]:
    """Return the names that a text of Python uses."""
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
