"""Mark the cells that answer a prediction.

    python -m tools.answers            tag what is not yet tagged, in every lesson, and list all
    python -m tools.answers 02 03      only these lessons
    python -m tools.answers --list     change nothing

The first code cell below a "**Predict.**" that shows something is its answer. Where the text asks
for code, an axis, a shape or a transpose, the code says it already: it gets the tag `answer-code`
and is folded in the learner's copy. All others get the tag `answer`. A tag that is there stays, so
that a decision made by hand is kept. Nothing but tags is changed.
"""

import argparse
import re
import sys

from nnfromscratch.course.working_copy import ANSWER, ANSWER_CODE
from tools.lesson_rules import asked_and_answered
from tools.notebooks import FOLDER, lessons, normalize, read, write

BY_CODE = re.compile(r"\b(?:write\b(?! down what)|shapes?\b|ax[ei]s\b|transpose)", re.IGNORECASE)


def mark(notebook):
    """Tag the answers that have no tag yet; return (cell from 1, tag, prompt) for each."""
    found = []
    for position, prompt, code in asked_and_answered(notebook):
        marked = [c for c in code if {ANSWER, ANSWER_CODE} & {*c.metadata.get("tags", [])}]
        if not code:
            found.append((position, "NO CODE BELOW IT", prompt))
            continue
        cell = (marked or [c for c in code if c.outputs] or code)[0]
        if not marked:
            tag = ANSWER_CODE if BY_CODE.search(prompt) else ANSWER
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), tag]
        tag = ANSWER_CODE if ANSWER_CODE in cell.metadata["tags"] else ANSWER
        found.append((notebook.cells.index(cell) + 1, tag, prompt))
    return found


def main(arguments=None, folder=FOLDER):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Mark the cells that answer a prediction.")
    parser.add_argument("numbers", nargs="*", help="only lessons whose names begin with these")
    parser.add_argument("--list", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)
    for path in lessons(folder, options.numbers):
        notebook = normalize(read(path))
        before = normalize(read(path))
        for position, tag, prompt in mark(notebook):
            words = " ".join(prompt.split())[:70]
            print(f"{path.name[:2]}  cell {position:2d}  {tag:11s}  {words}")
        if notebook != before and not options.list:
            write(path, notebook)
    return 0


if __name__ == "__main__":
    sys.exit(main())
