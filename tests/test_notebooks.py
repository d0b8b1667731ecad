"""Every lesson keeps the rules, every rule notices what breaks it, the tool keeps outputs."""

import base64
import copy
import html
import itertools
import re
import shutil
import struct
import subprocess

import nbformat
import pytest

import nbcompare.outputs
from nbcompare import numbers
from nbcompare.figures import MIME
from tools import address, anywhere, lesson_rules, notebooks
from tools.notebooks import FOLDER, lessons, normalize, read, to_text

LESSONS = lessons()
URL = address.read()


def badge_of(name):
    return address.binder_badge(URL, f"notebooks/{name}")


def exercises_of(path):
    """Return the name of a lesson's exercise notebook, or None."""
    found = sorted((path.parent / "exercises").glob(f"{path.name[:2]}_*.ipynb"))
    return found[0].name if found else None


# Every lesson


def test_there_are_lessons():
    assert LESSONS


each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


@each_lesson
@pytest.mark.parametrize("rule", lesson_rules.RULES, ids=lambda rule: rule.__name__)
def test_lesson_keeps_the_rule(path, rule):
    assert rule(read(path)) == []


@each_lesson
def test_lesson_has_the_frame(path):
    name = path.name
    assert lesson_rules.frame(read(path), name, badge_of(name), exercises_of(path)) == []


@pytest.mark.parametrize(("path", "following"), list(itertools.pairwise(LESSONS)))
def test_lesson_links_to_the_next(path, following):
    title = read(following).cells[0].source.splitlines()[0].removeprefix("# ")
    assert read(path).cells[-1].source.endswith(f"**Next:** [{title}]({following.name})")


@each_lesson
def test_links_to_files_lead_somewhere(path):
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    assert [link for link in links if not (path.parent / link).exists()] == []
    assert not re.search(r"`docs/\w+\.md`", text), "a page of the course is linked, not quoted"


def test_the_check_of_lesson_03_notices_what_is_missing_and_what_is_too_small():
    (path,) = lessons(numbers=("03",))
    scope = {}
    for code in (cell.source for _, cell in lesson_rules.code_cells(read(path))):
        exec(code, scope)
        if "worst_of" in scope:
            break
    half = scope["dw1"].copy()
    half[392:] = 0
    worst_of = scope["worst_of"]
    for name, wrong in (("w1", half), ("b1", scope["db1"] / 32), ("z1", 1.001 * scope["dz1"])):
        assert worst_of(name, scope[f"d{name}"])[0] < 1e-6 < 1e-4 < worst_of(name, wrong)[0]


def test_the_checks_of_lesson_00_need_none_of_its_explanations():
    (path,) = lessons(numbers=("00",))
    scope, skipped, guesses = {}, False, 0
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^(##+) ", cell.source, re.MULTILINE)
            skipped = headings[-1] == "###" if headings else skipped
        elif not skipped:
            exec(cell.source, scope)
            if guess := cell.metadata.get("guess"):
                eval(guess["value"], scope)
                guesses += 1
    assert guesses == 10


@each_lesson
def test_lesson_is_in_the_stored_form(path):
    assert path.read_bytes().decode("utf-8") == to_text(normalize(read(path))), (
        "run tools/notebooks.py"
    )


@each_lesson
def test_lesson_is_not_too_large(path):
    assert lesson_rules.size_complaint(path.stat().st_size) == []


def test_nine_in_ten_text_outputs_of_all_lessons_are_compared():
    counts = [notebooks.count(read(path)) for path in LESSONS]
    compared, ignored = sum(c for c, _ in counts), sum(i for _, i in counts)
    assert lesson_rules.share_complaint(compared, ignored) == []


def moved(text, tolerance):
    """Return the text of an output once for each of its numbers, moved too far for its cell."""
    for found in re.finditer(r"[^\n]+", text):
        line, done = found[0], 0
        for token in numbers.tokens(line):
            start = done + len(token.blanks)
            done = start + len(token.text)
            if token.kind != "number":
                continue
            old = numbers.Number.read(token.text)
            percent = tolerance.percent if old.unit else tolerance.counts
            new = old.value + percent * abs(old.value) / 100 + 2 * (old.unit or 1)
            digits = -old.unit.as_tuple().exponent if old.unit else 0
            spelled = f"{new:.{max(digits, 0)}{'e' if 'e' in token.text.lower() else 'f'}}"
            yield text[: found.start() + start] + spelled + text[found.start() + done :]


@each_lesson
def test_a_number_that_moved_and_a_curve_that_is_missing_are_noticed(path):
    changes, missed = 0, []
    for cell in read(path).cells:
        tags = cell.metadata.get("tags", [])
        tolerance = nbcompare.tolerance.Tolerance.from_tags(tags)
        for output in cell.get("outputs", []):
            changed = []
            if not tolerance.measured:
                changed += [output | {"text": t} for t in moved(output.get("text", ""), tolerance)]
                data = output.get("data", {})
                tables = moved(data.get("text/plain", ""), tolerance)
                changed += [output | {"data": data | {"text/plain": t}} for t in tables]
            for place, axes in enumerate(output.get("data", {}).get(MIME, {}).get("axes", [])):
                for item in range(len(axes["items"])):
                    new = copy.deepcopy(output)
                    del new["data"][MIME]["axes"][place]["items"][item]
                    changed.append(new)
            for new in changed:
                agreeing, stored, judge = nbcompare.outputs.reconcile([new], [output], tags)
                if not judge.notes and agreeing == stored:
                    missed.append((cell.source[:40], new.get("text", "a curve")))
            changes += len(changed)
    assert missed == []
    assert changes >= 20


# Every rule, on a small lesson that keeps them all and on what breaks it

ALT = "Nine gray squares in three rows, each a digit."
NAME = "07_small.ipynb"


def png(width):
    """Return the beginning of a PNG picture, as far as its width, in base64."""
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, 10) + b"\x08" * 32
    return base64.b64encode(head).decode()


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def picture(width=640, alt=ALT, text=ALT):
    return nbformat.v4.new_output(
        "display_data",
        data={"image/png": png(width), "text/plain": text},
        metadata={"image/png": {"alt": alt}} if alt is not None else {},
    )


def figure(width=640, alt=ALT, text=f"<Figure: {ALT}>", items=None):
    """Return what `show_figure` gives: the picture in HTML, and its data."""
    axis = {"label": "", "scale": "linear", "limits": "0 1"}
    summary = {"count": 2, "range": "0 1", "mean": "0.5", "samples": "0 1"}
    line = {"kind": "line", "x": summary, "y": summary}
    axes = {"title": "", "x": axis, "y": axis, "items": [line] if items is None else items}
    picture = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{png(width)}">'
    data = {
        "text/html": f"<figure>\n{picture}\n</figure>",
        "text/plain": text,
        nbcompare.MIME: {"titles": [], "texts": [], "axes": [axes]},
    }
    return nbformat.v4.new_output("display_data", data=data)


def result(text, count=1, **data):
    return nbformat.v4.new_output(
        "execute_result", data={"text/plain": text, **data}, execution_count=count
    )


def lesson():
    """Return a small lesson that keeps every rule."""
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    predict = "Some words.\n\n**Predict.** How large?"
    cells = [
        text(
            f"# 07 A small lesson\n\n{badge_of(NAME)}\n\n"
            "**Time to read:** 30 minutes · **Time to run:** 5 seconds"
        ),
        text("## What you will see\n\nSums.\n\n## What you need\n\nNothing."),
        text("## A section"),
        text(predict),
        code(
            "import numpy as np\nx = np.ones(3)  # (3,)\nprint(x.sum())", outputs=[stream("3.0\n")]
        ),
        text(predict),
        code("y = x\ny.shape", outputs=[result("(3,)", 2)]),
        text(predict),
        code("show_figure(figure, alt=alt)", outputs=[picture()]),
        code("np.testing.assert_array_equal(x, y)"),
        text("## What you saw\n\nSums.\n\n## Try it\n\n1. Twos.\n2. Threes.\n3. Fours."),
        text("## Exercises\n\n[Here](exercises/07_small.ipynb)."),
        text("## Further reading\n\n- [A book](https://a.org).\n- [A paper](https://b.org)."),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    for number, (_, cell) in enumerate(lesson_rules.code_cells(notebook), start=1):
        cell.execution_count = number
        cell.metadata["tags"] = ["answer"] if number < 4 else []
    cells[4].metadata["guess"] = {"prompt": "the sum", "value": "x.sum()"}
    return normalize(notebook)


def cell(notebook, number):
    """Return a code cell by its execution count."""
    return lesson_rules.code_cells(notebook)[number - 1][1]


def code(number, source, *outputs, tags=None):
    """Return a change that gives a code cell another source and other outputs."""

    def change(notebook):
        changed = cell(notebook, number)
        changed.source, changed.outputs = source, list(outputs)
        if tags:
            changed.metadata["tags"] = tags

    return change


def tagged(number, *tags):
    """Return a change that gives a code cell other tags."""

    def change(notebook):
        cell(notebook, number).metadata["tags"] = list(tags)

    return change


def guessed(number, **guess):
    """Return a change that gives a code cell another guess."""

    def change(notebook):
        cell(notebook, number).metadata["guess"] = guess

    return change


def named_answer(notebook):
    """Call something in a cell with a guess as the learner's copy calls its function."""
    guessed(1, prompt="the sum", value="x")(notebook)
    cell(notebook, 1).source += "\nfor x, answer in []: pass"


def says(*texts):
    return code(1, "print(x)", *(stream(text) for text in texts))


def replaced(old, new, everywhere=False):
    """Return a change that replaces text in the Markdown cells."""

    def change(notebook):
        hits = [c for c in notebook.cells if c.cell_type == "markdown" and old in c.source]
        assert hits
        for hit in hits if everywhere else hits[:1]:
            hit.source = hit.source.replace(old, new)

    return change


def no_outputs(notebook):
    for _, changed in lesson_rules.code_cells(notebook):
        changed.outputs = []


def set_format(notebook):
    notebook.nbformat_minor = 4


def copied_id(notebook):
    notebook.cells[1]["id"] = notebook.cells[2]["id"]


def broken_output(notebook):
    del cell(notebook, 1).outputs[0]["name"]


def not_executed(notebook):
    cell(notebook, 2).execution_count = None


def executed_twice(notebook):
    cell(notebook, 4).execution_count = 9


def widget_state(notebook):
    notebook.metadata["widgets"] = {}


def two_in_one_cell(notebook):
    notebook.cells[3].source += "\n\n> **Predict.** And how wide?"


def answer_removed(notebook):
    del notebook.cells[4]


def error(notebook):
    cell(notebook, 4).outputs = [nbformat.v4.new_output("error", ename="E", evalue="x")]


PRINTS = "def f():\n    print(1)\n"
WIDGET = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
IGNORED = [notebooks.IGNORED]
BROKEN = [
    ("format_is_valid", set_format, "older than 4.5"),
    ("format_is_valid", copied_id, "several cells have the id"),
    ("format_is_valid", broken_output, "not a valid notebook"),
    ("executed_in_order", not_executed, "[1, None, 3, 4]"),
    ("executed_in_order", executed_twice, "[1, 2, 3, 9]"),
    ("no_errors", error, "E: x"),
    ("no_stderr", code(1, "print(1)", stream("warning", "stderr")), "on stderr"),
    ("no_tricks", code(4, "import sys\nsys.path.append('..')"), "sys.path"),
    ("no_tricks", code(4, "os.chdir('..')"), "changes the folder"),
    ("no_tricks", code(4, "x = 1\n%pip install numpy"), "installs something"),
    ("no_tricks", code(4, "!ls"), "calls the shell"),
    ("no_tricks", code(4, "x = 1  # NBVAL_IGNORE_OUTPUT"), "by a comment"),
    ("no_tricks", code(4, "x = {1: 2}  # fmt: skip"), "to the formatter"),
    ("no_tricks", code(4, "x = 1", tags=["nbval-skip"]), "nbval-skip"),
    ("no_tricks", code(4, "x = 1", tags=["raises-exception"]), "raises-exception"),
    ("no_widgets", code(2, "x", result("bar", **WIDGET)), "a widget output"),
    ("no_widgets", widget_state, "widget state"),
    ("code_is_python", code(4, "x = = 1"), "not valid Python"),
    ("speaking_cells_have_output", no_outputs, "cell 5"),
    ("speaking_cells_have_output", code(1, "print(x)", stream(" \n")), "cell 5"),
    ("speaking_cells_have_output", code(2, "x.shape"), "cell 7"),
    ("speaking_cells_have_output", code(2, "x.sum()"), "cell 7"),
    ("speaking_cells_have_output", code(2, "for i in x:\n    if i:\n        print(i)"), "cell 7"),
    ("speaking_cells_have_output", code(2, PRINTS + "y = [print(i) for i in x]"), "cell 7"),
    (
        "speaking_cells_have_output",
        code(2, "try:\n    f()\nexcept E as e:\n    print(e)"),
        "cell 7",
    ),
    ("speaking_cells_have_output", code(3, "show_figure(figure, alt=alt)"), "cell 9"),
    ("speaking_cells_have_output", code(2, "%time x\ndisplay(x)"), "cell 7"),
    ("enough_cells_have_output", no_outputs, "0 of 4"),
    ("outputs_fit_the_page", says("line\n" * 41), "41 lines"),
    ("outputs_fit_the_page", says("x" * 89), "89 columns"),
    ("numbers_are_rounded", says("array([0.12, 0.5])"), "bare array"),
    ("numbers_are_rounded", says("[array([[1., 2.],\n  [3., 4.]])]"), "bare array"),
    ("numbers_are_rounded", says("array([ 1,\n 2.5])"), "bare array"),
    ("numbers_are_rounded", says("x = np.float64(1.0)"), "NumPy number"),
    ("numbers_are_rounded", says("np.True_"), "truth value"),
    ("numbers_are_rounded", says("fine 0.123456", "0.1234567"), "6 decimals"),
    ("most_outputs_are_compared", code(1, "print(1)", stream("1"), tags=IGNORED), "1 ignored"),
    ("ignored_outputs_are_asserted", code(1, "print(1)", stream("1"), tags=IGNORED), "nothing"),
    (
        "ignored_outputs_are_asserted",
        code(1, "print(1)\nassert True", stream("1"), tags=IGNORED),
        "nothing",
    ),
    ("pictures_have_alt_text", code(3, "show_figure(f)", picture(alt=None)), "alt text"),
    ("pictures_have_alt_text", code(3, "show_figure(f)", picture(alt="Short.")), "'Short.'"),
    ("pictures_have_alt_text", code(3, "show_figure(f)", picture(alt=ALT[:-1])), "full stop"),
    ("pictures_have_alt_text", code(3, "show_figure(f)", picture(text="<Figure>")), "text/plain"),
    ("colors_are_seen_on_white", code(4, "ax.plot(x, color='#E69F00')"), "contrast of 2.3"),
    ("colors_are_seen_on_white", code(4, "ax.text(0, 0, 'a', color=\"white\")"), "'white'"),
    ("colors_are_seen_on_white", code(4, "styles = {'a': '#F0E442'}"), "'#F0E442'"),
    ("pictures_are_not_too_wide", code(3, "show_figure(f)", picture(1201)), "1201 pixels"),
    ("pictures_have_alt_text", code(3, "show_figure(f)", figure(alt="")), "alt text"),
    ("pictures_have_alt_text", code(3, "show_figure(f)", figure(alt="Short.")), "'Short.'"),
    ("pictures_have_alt_text", code(3, "show_figure(f)", figure(text="<Figure>")), "text/plain"),
    ("pictures_are_not_too_wide", code(3, "show_figure(f)", figure(1201)), "1201 pixels"),
    ("figures_show_something", code(3, "show_figure(f)", figure(items=[])), "an empty figure"),
    ("tolerances_are_understood", code(1, "print(1)", tags=["within-5"]), "'within-5' is no tol"),
    ("cells_are_short", code(4, "x = 1\n" * 16), "16 lines"),
    ("cells_are_short", code(4, "# " + "x" * 87), "89 columns"),
    ("predictions", replaced("**Predict.**", "**Guess.**"), "2 paragraphs"),
    ("predictions", replaced("words.\n\n**Pre", "words. **Pre"), "2 paragraphs"),
    ("predictions", two_in_one_cell, "before the last one is answered"),
    ("predictions", answer_removed, "before the last one is answered"),
    ("predictions", replaced("## What you saw", "**Predict.** What?"), "no code follows"),
    ("frame", replaced("# 07 A small lesson", "# A small lesson"), "a title of at least four"),
    ("frame", replaced("# 07 A small lesson", "# 07 Small lesson"), "a title of at least four"),
    ("frame", replaced("# 07", "# 08"), "begins with the number"),
    ("frame", replaced("07_small.ipynb)", "06_other.ipynb)"), "Binder badge"),
    ("frame", replaced("30 minutes", "long"), "Time to read"),
    ("frame", replaced("5 seconds", "short"), "Time to run"),
    ("frame", replaced("## A section", "# A section"), "one heading of level 1"),
    ("frame", replaced("## What you will see", "## What will you see"), "first sections"),
    ("frame", replaced("## What you need\n\nNothing.", ""), "first sections"),
    ("frame", replaced("\n\nSums.", ""), "'What you will see' is empty"),
    ("frame", replaced("## A section", "A section"), "no section between"),
    ("frame", replaced("## What you saw", "## What we saw"), "last sections"),
    ("frame", replaced("## Exercises", "## More"), "last sections"),
    ("predictions_have_marked_answers", tagged(2), "cell 6: no cell below it is tagged"),
    ("predictions_have_marked_answers", tagged(3, "measured"), "cell 8: no cell below it"),
    (
        "predictions_have_marked_answers",
        code(2, "y = x.shape", tags=["answer"]),
        "cell 6: no cell below it",
    ),
    (
        "predictions_have_marked_answers",
        replaced("**Predict.** How large?", "**Predict.** How?\n\n### Aside"),
        "cell 4: no cell below it",
    ),
    ("guesses_are_understood", tagged(1), "is not tagged as an answer"),
    ("guesses_are_understood", guessed(1, prompt="the sum", value="x ="), "cell 5: its guess must"),
    ("guesses_are_understood", guessed(1, prompt="the sum", value=3), "cell 5: its guess must"),
    ("guesses_are_understood", guessed(1, prompt="the sum", value="later"), "needs {'later'}"),
    ("guesses_are_understood", named_answer, "its guesses need {'answer'}"),
    ("guesses_are_understood", guessed(1, prompt="", value="x"), "cell 5: its guess must"),
    ("guesses_are_understood", guessed(1, value="x"), "cell 5: its guess must"),
    ("guesses_are_understood", guessed(2, prompt="the sum", value="x"), "cell 7: its guess must"),
    ("frame", replaced("b.org).", "b.org).\n\n## Thanks"), "last sections"),
    ("frame", replaced("\n3. Fours.", ""), "three to five items, not 2"),
    ("frame", replaced("3. Fours.", "3. 4\n4. 5\n5. 6\n6. 7"), "three to five items, not 6"),
    ("frame", replaced("(exercises/07", "(exercises/06"), "lacks a link to exercises/07"),
    ("frame", replaced("\n- [A paper](https://b.org).", ""), "at least two sources, not 1"),
    ("frame", replaced("[A paper](https://b.org)", "A paper"), "without its address: - A paper"),
]


def complaints_of(rule, notebook):
    if rule == "frame":
        return lesson_rules.frame(notebook, NAME, badge_of(NAME), NAME)
    return getattr(lesson_rules, rule)(notebook)


ALL_RULES = [*(rule.__name__ for rule in lesson_rules.RULES), "frame"]


@pytest.mark.parametrize("rule", ALL_RULES)
def test_the_small_lesson_keeps_the_rule(rule):
    assert complaints_of(rule, lesson()) == []


@pytest.mark.parametrize(
    ("rule", "change", "complaint"), BROKEN, ids=[f"{b[0]}-{i}" for i, b in enumerate(BROKEN)]
)
def test_the_rule_notices(rule, change, complaint):
    notebook = lesson()
    change(notebook)
    found = complaints_of(rule, notebook)
    assert any(complaint in line for line in found), found


def test_every_rule_is_broken_once():
    assert {rule for rule, _, _ in BROKEN} == set(ALL_RULES)


def test_a_lesson_without_exercises_has_no_such_section():
    notebook = lesson()
    assert lesson_rules.frame(notebook, NAME, badge_of(NAME), None) != []
    notebook.cells = [c for c in notebook.cells if "## Exercises" not in c.source]
    assert lesson_rules.frame(notebook, NAME, badge_of(NAME), None) == []
    assert lesson_rules.frame(notebook, NAME, badge_of(NAME), NAME) != []


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        PRINTS,
        "plt.show()",
        "x.sort()",
        "np.testing.assert_allclose(x, y)",
        "check_shape('x', x, (3,))",
        "f = lambda: print(1)",
        "%matplotlib inline",
        "for i in x:\n    i",
        "None",
    ],
)
def test_silent_cells_need_no_output(source):
    notebook = lesson()
    code(4, source)(notebook)
    assert lesson_rules.speaking_cells_have_output(notebook) == []


@pytest.mark.parametrize(
    "text", ["array([1, 2])", "0.123456", "[0.1 0.2]", "1.0e-07", "version 2.0.1", "60,000"]
)
def test_rounded_numbers_are_accepted(text):
    notebook = lesson()
    says(text)(notebook)
    assert lesson_rules.numbers_are_rounded(notebook) == []


def test_a_figure_in_html_with_its_data_is_accepted():
    notebook = lesson()
    alt = 'A "line" that rises & falls from 0 to 1.'
    code(3, "show_figure(f)", figure(alt=alt, text=f"<Figure: {alt}>"))(notebook)
    assert [rule.__name__ for rule in lesson_rules.RULES if rule(notebook)] == []
    assert notebooks.count(notebook) == (2, 0)


def test_an_ignored_output_with_an_assertion_is_accepted():
    notebook = lesson()
    code(1, "assert 0 < t < 9\nprint(t)", stream("1.2"), tags=IGNORED)(notebook)
    assert lesson_rules.ignored_outputs_are_asserted(notebook) == []
    assert notebooks.count(notebook) == (1, 1)


def test_the_limits_of_share_and_size():
    assert lesson_rules.share_complaint(9, 1) == []
    assert "8 compared, 1 ignored" in lesson_rules.share_complaint(8, 1)[0]
    assert lesson_rules.share_complaint(0, 0) != []
    assert lesson_rules.size_complaint(1_500_000) == []
    assert "1,500,001 bytes" in lesson_rules.size_complaint(1_500_001)[0]


# The tool that executes and stores


def test_normalize_drops_what_editors_and_kernels_leave():
    clean = lesson()
    dirty = nbformat.from_dict(clean)
    dirty.nbformat_minor = 4
    dirty.metadata = {
        "kernelspec": {"display_name": "mine", "language": "python", "name": "mine"},
        "language_info": {"name": "python", "version": "3.11.7"},
        "widgets": {"state": {}},
    }
    first = cell(dirty, 1)
    first.metadata |= {"collapsed": True, "execution": {"iopub.status.busy": "12"}}
    cell(dirty, 4).metadata["tags"] = []
    first.outputs = [stream("3"), stream(".0\n")]
    cell(dirty, 3).outputs[0].metadata["needs_background"] = "light"
    assert to_text(dirty) != to_text(clean)
    assert to_text(normalize(dirty)) == to_text(clean)


def test_normalize_keeps_ids_and_tags_and_repairs_missing_and_copied_ids():
    notebook = lesson()
    cell(notebook, 1).metadata["tags"] = IGNORED
    before = [c.id for c in notebook.cells]
    del notebook.cells[3]["id"]
    notebook.cells[5]["id"] = before[0]
    after = normalize(notebook)
    ids = [c.id for c in after.cells]
    assert len(set(ids)) == len(ids)
    assert [i for i, (a, b) in enumerate(zip(before, ids, strict=True)) if a != b] == [3, 5]
    assert to_text(after) == to_text(normalize(notebook))
    guess = {"prompt": "the sum", "value": "x.sum()"}
    assert cell(after, 1).metadata == {"tags": IGNORED, "guess": guess}


def test_streams_of_different_names_are_not_merged():
    notebook = lesson()
    says()(notebook)
    cell(notebook, 1).outputs = [stream("a"), stream("b", "stderr"), stream("c"), stream("d")]
    texts = [output.text for output in cell(normalize(notebook), 1).outputs]
    assert texts == ["a", "b", "cd"]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (replaced("Some words.", "Other words."), True),
        (code(3, "show_figure(figure, alt=alt)", picture(width=641)), True),
        (code(3, "show_figure(figure, alt=alt)", picture(alt=ALT + " More.")), False),
        (code(1, "import numpy as np\nx = np.ones(3)  # (3,)\nprint(x.sum())"), False),
        (code(2, "y = x\ny.shape", result("(4,)", 2)), False),
        (code(4, "np.testing.assert_equal(x, y)"), False),
        (executed_twice, False),
    ],
)
def test_outputs_are_kept_exactly_if_code_and_text_are_the_same(change, same):
    old, new = lesson(), lesson()
    change(new)
    assert notebooks.says_the_same(new, old) is same


@pytest.mark.parametrize(
    ("old", "new", "tags", "same"),
    [
        (stream("loss 1.83"), stream("loss 1.84"), [], True),
        (stream("loss 1.83"), stream("loss 1.85"), [], False),
        (stream("loss 1.83"), stream("loss 1.85"), ["within-5-percent"], True),
        (stream("3 wrong"), stream("4 wrong"), [], False),
        (stream("1.2 s"), stream("7.5 s"), ["measured"], True),
        (figure(), figure(width=641), [], True),
        (figure(), figure(alt=ALT + " More.", text=""), [], False),
        (figure(), figure(items=[]), [], False),
        (picture(), figure(), [], False),
    ],
)
def test_outputs_are_kept_if_they_agree_as_the_tests_see_it(old, new, tags, same):
    before, after = lesson(), lesson()
    for notebook, output in ((before, old), (after, new)):
        code(3, "f()", output, tags=tags)(notebook)
    assert notebooks.says_the_same(after, before) is same
    if same:
        kept = notebooks.with_outputs_of(after, before)
        assert cell(normalize(kept), 3).outputs == [old]


def test_ignored_outputs_do_not_count_as_a_change():
    old, new = lesson(), lesson()
    for notebook, text in ((old, "1.2 s\n"), (new, "1.3 s\n")):
        code(1, "print(t)", stream(text), tags=IGNORED)(notebook)
    assert notebooks.says_the_same(new, old)
    cell(old, 1).outputs = []
    assert not notebooks.says_the_same(new, old)


def test_a_number_of_the_text_that_no_output_says_any_more_is_named():
    """Four sentences; outputs that went from 0.4314 and 12,500 to 0.419 and 12,600."""
    text = "Some words. At 43 % of 12,500, of which 0.419 are 2.\n\nThat is 0.43 of 7."
    old, new = lesson(), lesson()
    for notebook, said in ((old, "0.4314 of 12,500, 2"), (new, "0.419 of 12,600, 2")):
        replaced("Some words.", text)(notebook)
        code(1, "print(x)", stream(said))(notebook)
    position = 1 + next(i for i, c in enumerate(new.cells) if text in c.source)
    assert notebooks.left_behind(new, old) == [
        f"cell {position}: 43 % of 12,500, of whi",
        f"cell {position}: 12,500, of which 0.419 are",
        f"cell {position}: 0.43 of 7. **Predict.**",
    ]
    assert notebooks.left_behind(old, old) == []


def test_lessons_are_chosen_by_number(tmp_path):
    for name in ("01_a.ipynb", "02_b.ipynb", "12_c.ipynb", "notes.ipynb"):
        (tmp_path / name).touch()

    def chosen(*numbers):
        return [path.name for path in lessons(tmp_path, numbers)]

    assert chosen() == ["01_a.ipynb", "02_b.ipynb", "12_c.ipynb"]
    assert chosen("2") == ["02_b.ipynb"]
    assert chosen("12", "01") == ["01_a.ipynb", "12_c.ipynb"]
    with pytest.raises(SystemExit, match="No lesson begins with '3'"):
        chosen("3")


def git(folder, *arguments):
    name = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_execute_store_and_execute_again(tmp_path, capfd):
    path = tmp_path / "01_a.ipynb"
    new = nbformat.v4.new_code_cell
    sources = [
        "import os\nprint(os.path.exists('01_a.ipynb'))\nprint(1, flush=True)\nprint(2)",
        "import time\nt = time.perf_counter()\nassert t > 0\nprint(t)",
        "x = 1 + 1\nx",
    ]
    notebook = nbformat.v4.new_notebook(cells=[new(source) for source in sources])
    notebook.cells[1].metadata["tags"] = IGNORED
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    assert notebooks.main(["--check"], tmp_path) == 1
    assert notebooks.main([], tmp_path) == 0
    stored = path.read_bytes()
    first = read(path)
    assert [c.execution_count for c in first.cells] == [1, 2, 3]
    assert [output.text for output in first.cells[0].outputs] == ["True\n1\n2\n"]
    assert first.cells[2].outputs[0].data == {"text/plain": "2"}
    assert notebooks.main(["--check"], tmp_path) == 0
    assert notebooks.main(["--count"], tmp_path) == 0
    assert "2 compared, 1 ignored (67% compared)" in capfd.readouterr().out

    # Executed again: the time in the ignored cell is another one, yet there is no difference.
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", path.name)
    git(tmp_path, "commit", "-q", "-m", "a")
    first.cells[2].outputs = []
    path.write_text(to_text(first), encoding="utf-8", newline="\n")
    assert notebooks.main(["1"], tmp_path) == 0
    assert "outputs kept" in capfd.readouterr().out
    assert path.read_bytes() == stored
    assert notebooks.main(["1", "--refresh"], tmp_path) == 0
    assert path.read_bytes() != stored

    # A cell that fails is named, and the file stays as it is.
    first.cells[2].source = "x = 1 / 0"
    path.write_text(to_text(first), encoding="utf-8", newline="\n")
    broken = path.read_bytes()
    assert notebooks.main([], tmp_path) == 1
    report = capfd.readouterr().err
    assert "01_a.ipynb, cell 3 (id " in report
    assert "    x = 1 / 0" in report
    assert "ZeroDivisionError: division by zero" in report
    assert path.read_bytes() == broken
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".new"] == []


def test_the_folder_of_the_lessons_is_the_default():
    assert FOLDER.name == "notebooks"
    assert (FOLDER.parent / "pyproject.toml").is_file()


# Run where it is dropped


def test_the_cell_that_installs_is_put_once_and_changes_no_output():
    before = lesson()
    once = anywhere.lesson(before, NAME, URL)
    assert anywhere.lesson(once, NAME, URL) == once
    added, *others = [cell for cell in once.cells if cell.cell_type == "code"]
    assert added.source == anywhere.source(URL)
    stored = lesson_rules.code_cells(before)
    assert [notebooks.text_outputs(c) for c in others] == [
        notebooks.text_outputs(c) for _, c in stored
    ]
    assert lesson_rules.executed_in_order(once) == lesson_rules.no_tricks(once) == []
    assert address.colab_badge(URL, f"notebooks/{NAME}") in once.cells[0].source.splitlines()


def test_the_cell_installs_only_where_the_course_is_missing(monkeypatch):
    ran = []
    monkeypatch.setattr("subprocess.run", lambda command, check: ran.append(command))
    exec(anywhere.source(URL), {})
    assert ran == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in ("", "19_beyond_one_computer.ipynb"):
        exec(anywhere.source(URL, name), {})
    wanted = [f"git+{URL}", f"nnfromscratch[cluster] @ git+{URL}"]
    assert [command[-2:] for command in ran] == [["--quiet", text] for text in wanted]


def test_no_other_cell_may_install():
    for other in (anywhere.source(URL) + " ", "import subprocess", "os.system('pip install a')"):
        notebook = lesson()
        notebook.cells[4].source = other
        assert "calls the shell" in lesson_rules.no_tricks(notebook)[0]


def test_every_lesson_installs_the_course_where_it_is_missing():
    assert list(anywhere.changes()) == [], "run python -m tools.anywhere"
