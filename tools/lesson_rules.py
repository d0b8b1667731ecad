"""What every lesson must be, as functions on the notebook.

Each rule takes a notebook as it is stored and returns a list of complaints, empty if all is
well. tests/test_notebooks.py applies every rule to every lesson, and every rule to a small
notebook that breaks it.
"""

import ast
import base64
import builtins
import html
import re
import struct

import nbformat
import numpy as np
from IPython.core.inputtransformer2 import TransformerManager
from matplotlib.colors import to_rgb

import nbcompare
from nbcompare.tolerance import Tolerance
from nnfromscratch.course.working_copy import ANSWER, ANSWER_CODE
from tools import address, anywhere
from tools.notebooks import IGNORED, count, is_ignored, is_picture, text_outputs

MOST_CODE_LINES = 15
MOST_COLUMNS = 88
MOST_OUTPUT_LINES = 40
MOST_IMAGE_WIDTH = 1200
MOST_BYTES = 1_500_000
LEAST_ALT = 30
LEAST_CONTRAST = 3
LEAST_COMPARED = 0.9
LEAST_WITH_OUTPUT = 1 / 3
LEAST_PREDICTIONS = 3

SPEAKING = {"print", "display", "show_figure", "show_table"}
# Calls that a cell may end with and that return None, so that nothing is shown.
SILENT = {
    *("append", "clear", "close", "extend", "fill", "insert", "remove", "reverse", "show"),
    *("seed", "setflags", "shuffle", "sort", "step", "tight_layout", "update"),
    *("check_shape", "run_cell_magic", "run_line_magic", "use_course_style"),
}
INSTALLS = {anywhere.source(address.read(), name) for name in ("", *anywhere.EXTRAS)}
WIDGET = "application/vnd.jupyter.widget-view+json"
TRICKS = {
    r"\bsys\.path\b": "changes sys.path; the package is installed",
    r"\bos\.chdir\b": "changes the folder",
    r"^\s*%%?(?:pip|conda|mamba|cd|bash|sh)\b": "installs something or calls the shell",
    r"^\s*!|\bsubprocess\b|\bos\.(?:system|popen)\b": "calls the shell",
    r"#\s*fmt:": "speaks to the formatter; what stands in a cell is for a reader",
    r"(?i)#\s*(?:NBVAL_|PYTEST_VALIDATE_)": f"steers the tests by a comment; use the tag {IGNORED}",
}


def code_cells(notebook):
    """Return (position from 1, cell) for each code cell with anything in it."""
    return [
        (position, cell)
        for position, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "code" and cell.source.strip()
    ]


def _outputs(notebook, *kinds):
    for position, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type in kinds:
                yield position, output


def _tree(cell):
    """Parse a cell as IPython would, magics included; None if it is not Python."""
    try:
        return ast.parse(TransformerManager().transform_cell(cell.source))
    except SyntaxError:
        return None


def _called_name(node):
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return getattr(node.func, "id", "")


def _calls_at_run_time(node):
    """Yield the calls below a node, but not those inside functions and classes it defines."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from _calls_at_run_time(child)


# Format and execution


def format_is_valid(notebook):
    """Require format 4.5 or newer, valid, each cell with an id of its own."""
    complaints = []
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
        version = f"{notebook.nbformat}.{notebook.nbformat_minor}"
        return [f"the format is {version}, older than 4.5"]
    ids = [cell.get("id") for cell in notebook.cells]
    for name in sorted({name for name in ids if name and ids.count(name) > 1}):
        complaints.append(f"several cells have the id {name!r}")
    if not complaints:
        try:
            nbformat.validate(notebook)
        except nbformat.ValidationError as error:
            complaints.append(f"not a valid notebook: {error.message}")
    return complaints


def executed_in_order(notebook):
    """Require execution counts 1, 2, ... from top to bottom."""
    counts = [cell.execution_count for _, cell in code_cells(notebook)]
    if counts == list(range(1, len(counts) + 1)):
        return []
    return [f"not executed once from top to bottom: the execution counts are {counts}"]


def no_errors(notebook):
    """Allow no error outputs: a lesson catches the errors it shows, and prints them."""
    return [
        f"cell {position}: an error output, {output.ename}: {output.evalue}"
        for position, output in _outputs(notebook, "error")
    ]


def no_stderr(notebook):
    """Allow no warnings and no progress bars in the stored outputs."""
    return [
        f"cell {position}: output on stderr: {output.text.strip()[:60]!r}"
        for position, output in _outputs(notebook, "stream")
        if output.name == "stderr"
    ]


def no_tricks(notebook):
    """Allow no changed paths, no shell, no other tags and comments that steer the tests."""
    complaints = []
    for position, cell in code_cells(notebook):
        for pattern, what in TRICKS.items():
            if cell.source in INSTALLS:
                continue  # the one cell that may, which tools/anywhere.py writes
            if re.search(pattern, cell.source, re.MULTILINE):
                complaints.append(f"cell {position}: {what}")
        complaints.extend(
            f"cell {position}: the tag {tag!r} steers the tests; only {IGNORED!r} may"
            for tag in cell.metadata.get("tags", [])
            if tag != IGNORED and (tag.startswith("nbval-") or tag in ("raises-exception", "skip"))
        )
    return complaints


def no_widgets(notebook):
    """Allow no widgets: without a kernel they show nothing."""
    complaints = [
        f"cell {position}: a widget output"
        for position, output in _outputs(notebook, "execute_result", "display_data")
        if WIDGET in output.data
    ]
    if "widgets" in notebook.metadata:
        complaints.append("the metadata hold widget state")
    return complaints


# Outputs


def speaks(cell):
    """Tell whether the cell prints, displays or ends in a value that is shown."""
    tree = _tree(cell)
    if tree is None or not tree.body:
        return False
    if any(_called_name(call) in SPEAKING for call in _calls_at_run_time(tree)):
        return True
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        return False
    if isinstance(last.value, ast.Constant) and last.value.value is None:
        return False
    if isinstance(last.value, ast.Call):
        name = _called_name(last.value)
        return name not in SILENT and not name.startswith("assert_")
    return True


def code_is_python(notebook):
    """Require code that can be parsed."""
    return [
        f"cell {position}: not valid Python"
        for position, cell in code_cells(notebook)
        if _tree(cell) is None
    ]


def _shows_something(cell):
    shown = [output for output in cell.outputs if output.get("data")]
    return bool(text_outputs(cell) or any(is_picture(output) and png(output) for output in shown))


def speaking_cells_have_output(notebook):
    """Require the stored output of every cell that prints or displays."""
    return [
        f"cell {position}: it prints or shows something, but the stored output is empty"
        for position, cell in code_cells(notebook)
        if speaks(cell) and not _shows_something(cell)
    ]


def enough_cells_have_output(notebook):
    """Require outputs below at least a third of the code cells."""
    cells = [cell for _, cell in code_cells(notebook)]
    having = sum(_shows_something(cell) for cell in cells)
    if cells and having >= LEAST_WITH_OUTPUT * len(cells):
        return []
    return [f"only {having} of {len(cells)} code cells have an output; at least a third must"]


def outputs_fit_the_page(notebook):
    """Allow printed text of at most 40 lines and 88 columns."""
    complaints = []
    for position, cell in code_cells(notebook):
        lines = "".join(
            text if text.endswith("\n") else text + "\n" for text in text_outputs(cell)
        ).splitlines()
        widest = max((len(line) for line in lines), default=0)
        if len(lines) > MOST_OUTPUT_LINES:
            complaints.append(f"cell {position}: {len(lines)} lines of output")
        if widest > MOST_COLUMNS:
            complaints.append(f"cell {position}: output {widest} columns wide")
    return complaints


def numbers_are_rounded(notebook):
    """Allow no bare float arrays, no NumPy scalars' repr, at most six decimals."""
    patterns = {
        r"\barray\(\s*\[[^)]*?\d\.(?:\d|[\s,\]e])": "a bare array of floats",
        r"\bnp\.(?:float\d*|int\d*|complex\d*|longdouble)\(": "the repr of a NumPy number",
        r"\bnp\.(?:True_|False_)": "the repr of a NumPy truth value",
        r"\d\.\d{7,}": "a number with more than 6 decimals",
    }
    complaints = []
    for position, cell in code_cells(notebook):
        for text in text_outputs(cell):
            for pattern, what in patterns.items():
                match = re.search(pattern, text)
                if match:
                    found = " ".join(match[0].split())[:40]
                    complaints.append(f"cell {position}: {what} in the output: {found!r}")
    return complaints


def share_complaint(compared, ignored):
    """Complain if fewer than nine in ten text outputs are compared."""
    total = compared + ignored
    if total and compared >= LEAST_COMPARED * total:
        return []
    return [
        f"cells with text output: {compared} compared, {ignored} ignored; 90 % must be compared"
    ]


def most_outputs_are_compared(notebook):
    """Require that nbval compares at least 90 % of the cells with text output."""
    return share_complaint(*count(notebook))


def ignored_outputs_are_asserted(notebook):
    """Require an assertion in each cell whose output is not compared."""
    complaints = []
    for position, cell in code_cells(notebook):
        if not is_ignored(cell):
            continue
        tree = _tree(cell) or ast.Module([], [])
        asserted = any(
            isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant)
            for node in ast.walk(tree)
        ) or any(_called_name(call).startswith("assert_") for call in _calls_at_run_time(tree))
        if not asserted:
            complaints.append(f"cell {position}: its output is ignored, but it asserts nothing")
    return complaints


# Pictures and size


PICTURE = re.compile(r'<img alt="([^"]*)" src="data:image/png;base64,([^"]*)">')


def _pictures(notebook):
    """Yield (position, output) for each picture."""
    for position, output in _outputs(notebook, "execute_result", "display_data"):
        if is_picture(output):
            yield position, output


def alt_text(output):
    """Return the text for readers who do not see a picture, or "" if it has none."""
    if nbcompare.MIME in output.data:
        match = PICTURE.search(output.data.get("text/html", ""))
        return html.unescape(match[1]) if match else ""
    return output.metadata.get("image/png", {}).get("alt", "")


def png(output):
    """Return a picture's bytes in base64, "" if it has none."""
    match = PICTURE.search(output.data.get("text/html", ""))
    return match[2] if match else output.data.get("image/png", "")


def pictures_have_alt_text(notebook):
    """Require for every picture a sentence that says what it shows."""
    complaints = []
    for position, output in _pictures(notebook):
        alt = alt_text(output)
        if len(alt) < LEAST_ALT or not alt.endswith("."):
            complaints.append(
                f"cell {position}: the alt text must be a sentence of at least {LEAST_ALT} "
                f"characters that ends in a full stop, not {alt!r}"
            )
        elif output.data.get("text/plain") not in (alt, f"<Figure: {alt}>"):
            complaints.append(f"cell {position}: text/plain of the picture is not its alt text")
    return complaints


def figures_show_something(notebook):
    """Allow no figure without a curve, an image or a text in it."""
    return [
        f"cell {position}: an empty figure"
        for position, output in _pictures(notebook)
        if nbcompare.MIME in output.data and nbcompare.is_empty(output.data[nbcompare.MIME])
    ]


def tolerances_are_understood(notebook):
    """Require that a tag which looks like a tolerance is one."""
    complaints = []
    for position, cell in code_cells(notebook):
        try:
            Tolerance.from_tags(cell.metadata.get("tags", []))
        except ValueError as error:
            complaints.append(f"cell {position}: {error}")
    return complaints


def png_width(data):
    """Return the width in pixels of a PNG picture given in base64."""
    head = base64.b64decode("".join(data.split())[:64])
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG picture")
    return struct.unpack(">I", head[16:20])[0]


def linear_rgb(colors):
    """Return the light of red, green and blue (N, 3) that a screen gives for N colours."""
    values = np.array([to_rgb(color) for color in colors])  # (N, 3)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(color):
    """Return a colour's contrast against white, from 1 to 21, as WCAG 2.2 defines it."""
    luminance = linear_rgb([color])[0] @ [0.2126, 0.7152, 0.0722]
    return 1.05 / (luminance + 0.05)


def colors_are_seen_on_white(notebook):
    """Require of every colour named in the code a contrast of at least 3 to 1 against white."""
    named = re.compile(r"""(\w*)colors?\s*=\s*["']([^"']+)["']|["'](#\w{6})["']""")
    complaints = []
    for position, cell in code_cells(notebook):
        for kind, name, code in named.findall(cell.source):
            color = name or code
            if re.fullmatch("C[0-7]|none", color) or (kind, color) == ("edge", "white"):
                continue  # of the palette; and a white edge parts what touches
            if contrast(color) < LEAST_CONTRAST:
                complaints.append(
                    f"cell {position}: the colour {color!r} has a contrast of "
                    f"{contrast(color):.1f} against white, less than {LEAST_CONTRAST}"
                )
    return complaints


def pictures_are_not_too_wide(notebook):
    """Allow pictures of at most 1,200 pixels."""
    widths = [(position, png_width(png(output))) for position, output in _pictures(notebook)]
    return [
        f"cell {position}: a picture {width} pixels wide, more than {MOST_IMAGE_WIDTH}"
        for position, width in widths
        if width > MOST_IMAGE_WIDTH
    ]


def size_complaint(size):
    """Complain about a file that is slow to load and to review."""
    return [] if size <= MOST_BYTES else [f"the file has {size:,} bytes, more than {MOST_BYTES:,}"]


# Code and frame


def cells_are_short(notebook):
    """Allow at most 15 lines of code a cell (blank lines and comments are free), 88 columns."""
    complaints = []
    for position, cell in code_cells(notebook):
        lines = cell.source.splitlines()
        code = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
        widest = max(len(line) for line in lines)
        if len(code) > MOST_CODE_LINES:
            complaints.append(f"cell {position}: {len(code)} lines of code")
        if widest > MOST_COLUMNS:
            complaints.append(f"cell {position}: a line of {widest} columns")
    return complaints


def sections(notebook):
    """Return (level, title, text below) for each heading of the notebook, in order."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        fenced = False
        for line in cell.source.splitlines():
            if line.lstrip().startswith(("```", "~~~")):
                fenced = not fenced
            heading = None if fenced else re.match(r"(#{1,6}) +(.*?)[ #]*$", line)
            if heading:
                found.append([len(heading[1]), heading[2], ""])
            elif found:
                found[-1][2] += line + "\n"
        if found:
            found[-1][2] += "\n"
    return [tuple(section) for section in found]


def frame(notebook, name, badge, exercises):
    """Require the frame of a lesson: title, badge and times, and the sections in their order.

    `name` is the file's name, `badge` the Markdown of its Binder badge, `exercises` the file
    name of its exercise notebook or None.
    """
    complaints = []
    if not notebook.cells or notebook.cells[0].cell_type != "markdown":
        return ["the first cell is not text"]
    first = notebook.cells[0].source
    title = first.splitlines()[0] if first else ""
    number = name[:2]
    if not re.match(rf"# {number} \S", title) or len(title.split()) < 5:
        complaints.append(
            f"the first line must be a title of at least four words that begins with the number, "
            f"like '# {number} The title', not {title!r}"
        )
    if badge not in first.splitlines():
        complaints.append(f"the first cell lacks the line with the Binder badge: {badge}")
    times = (
        r"^\*\*Time to read:\*\* \d+ minutes? · \*\*Time to run:\*\* .*\d+ (?:second|minute)s?\b"
    )
    if not re.search(times, first, re.MULTILINE):
        complaints.append(
            "the first cell lacks a line like "
            "'**Time to read:** 30 minutes · **Time to run:** 5 seconds'"
        )

    headings = sections(notebook)
    if sum(level == 1 for level, _, _ in headings) != 1:
        complaints.append("there must be exactly one heading of level 1")
    second = [heading for level, heading, _ in headings if level == 2]
    opening = ["What you will see", "What you need"]
    closing = ["What you saw", "Try it", *["Exercises"] * bool(exercises), "Further reading"]
    if second[:2] != opening:
        complaints.append(f"the first sections must be {opening}, not {second[:2]}")
    if second[-len(closing) :] != closing:
        complaints.append(f"the last sections must be {closing}, not {second[-len(closing) :]}")
    body = [heading for heading in second if heading not in (*opening, *closing)]
    if not body:
        complaints.append("there is no section between the opening and the closing")
    if not exercises and "Exercises" in second:
        complaints.append("there is a section Exercises, but no exercise notebook")

    texts = _texts_of_second_level(headings)
    for heading in (*opening, "What you saw"):
        if heading in texts and not texts[heading].strip():
            complaints.append(f"the section {heading!r} is empty")
    # What to expect is folded, and numbered once more.
    asked = re.sub(r"(?s)<details>.*?</details>", "", texts.get("Try it", ""))
    items = len(re.findall(r"^\d+[.)] +\S", asked, re.MULTILINE))
    if not 3 <= items <= 5:
        complaints.append(f"'Try it' must be a numbered list of three to five items, not {items}")
    if exercises and f"(exercises/{exercises})" not in texts.get("Exercises", ""):
        complaints.append(f"the section Exercises lacks a link to exercises/{exercises}")
    sources = len(re.findall(r"^(?:[-*]|\d+[.)]) +\S", texts.get("Further reading", ""), re.M))
    if sources < 2:
        complaints.append(f"'Further reading' must list at least two sources, not {sources}")
    for line in re.findall(r"^[-*] +.*$", texts.get("Further reading", ""), re.MULTILINE):
        if "](http" not in line:
            complaints.append(f"'Further reading' names a source without its address: {line[:60]}")
    return complaints


def _texts_of_second_level(headings):
    texts, current = {}, None
    for level, heading, text in headings:
        if level <= 2:
            current = heading if level == 2 else None
        if current is not None:
            texts[current] = texts.get(current, "") + text
    return texts


def predictions(notebook):
    """Require at least three predictions, and code that answers each before the next is asked."""
    complaints = []
    asked = 0
    open_since = None
    for position, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "markdown":
            paragraphs = re.split(r"\n[ >]*\n", cell.source)
            here = sum(
                bool(re.match(r"(?:> ?)?\*\*Predict\.\*\*", text.strip())) for text in paragraphs
            )
            asked += here
            if here > 1 or (here and open_since is not None):
                complaints.append(f"cell {position}: a prediction before the last one is answered")
            if here:
                open_since = position
        elif cell.cell_type == "code" and cell.source.strip():
            open_since = None
    if open_since is not None:
        complaints.append(f"cell {open_since}: no code follows the prediction")
    if asked < LEAST_PREDICTIONS:
        complaints.append(
            f"{asked} paragraphs begin with '**Predict.**'; at least {LEAST_PREDICTIONS} must"
        )
    return complaints


def asked_and_answered(notebook):
    """Yield (position, prompt, code cells below, up to the next heading) for each prediction."""
    asked = []
    for position, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            for _, _, code in asked:
                code.append(cell)
            continue
        for paragraph in re.split(r"\n[ >]*\n", cell.source):
            prompt = re.match(r"(?:> ?)?\*\*Predict\.\*\*\s*(.*)", paragraph.strip(), re.DOTALL)
            if prompt or re.match(r"\s*#{1,6} ", paragraph):
                yield from asked
                asked = [(position, prompt[1], [])] if prompt else []
    yield from asked


def _is_answer(cell):
    return bool({ANSWER, ANSWER_CODE} & {*cell.metadata.get("tags", [])})


def predictions_have_marked_answers(notebook):
    """Require below each prediction, before the next heading, a cell tagged as its answer.

    Of a cell tagged `answer` the output is folded, so one that shows nothing hides nothing.
    """
    return [
        f"cell {position}: no cell below it is tagged {ANSWER!r} or {ANSWER_CODE!r} before the "
        "next prediction or heading; run python -m tools.answers"
        for position, _, code in asked_and_answered(notebook)
        if not any(_is_answer(c) and (c.outputs or ANSWER_CODE in c.metadata.tags) for c in code)
    ]


RESERVED = {"answer", "guess", "how_near"}
"""What the learner's copy of a lesson with guesses calls."""


def guesses_are_understood(notebook):
    """Require of a guess a prompt of its own and an expression, on a cell tagged as an answer.

    The expression may use what this cell and those above it define, since it is put below it.
    """
    complaints, prompts, defined = [], [], {*dir(builtins)}
    for position, cell in code_cells(notebook):
        defined |= _names_defined(cell.source)
        if not (guess := cell.metadata.get("guess")):
            continue
        prompt, value = guess.get("prompt"), guess.get("value")
        if not prompt or prompt in prompts or len(guess) != 2 or not _is_expression(value):
            complaints.append(
                f"cell {position}: its guess must be a prompt that no other has, and as value an "
                f"expression, not {dict(guess)}"
            )
        elif unknown := {n.id for n in ast.walk(ast.parse(value)) if _is_name(n)} - defined:
            complaints.append(f"cell {position}: its guess needs {unknown}, not defined so far")
        elif not _is_answer(cell):
            complaints.append(f"cell {position}: it has a guess, but is not tagged as an answer")
        prompts.append(prompt)
    if prompts and (shadowed := defined & RESERVED):
        complaints.append(f"its guesses need {shadowed} as the learner's copy has them")
    return complaints


def _is_name(node):
    return isinstance(node, ast.Name)


def _names_defined(source):
    """Return the names that a cell assigns, imports or defines at its top level."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if _is_name(node) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    return names


def _is_expression(source):
    try:
        return bool(ast.parse(source, mode="eval"))
    except (SyntaxError, TypeError):
        return False


# The rules that need nothing but the notebook.
RULES = (
    format_is_valid,
    executed_in_order,
    no_errors,
    no_stderr,
    no_tricks,
    no_widgets,
    code_is_python,
    speaking_cells_have_output,
    enough_cells_have_output,
    outputs_fit_the_page,
    numbers_are_rounded,
    most_outputs_are_compared,
    ignored_outputs_are_asserted,
    pictures_have_alt_text,
    figures_show_something,
    tolerances_are_understood,
    colors_are_seen_on_white,
    pictures_are_not_too_wide,
    cells_are_short,
    predictions,
    predictions_have_marked_answers,
    guesses_are_understood,
)
