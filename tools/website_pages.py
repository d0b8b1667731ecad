"""The website's pages, made from the notebooks and the texts as they stand in the repository.

Each function takes what is stored and returns what Sphinx is given: answers folded, pictures as
files, links to where a page is on the site, buttons to run a lesson, the map of the course.
"""

import base64
import html
import json
import posixpath
import re
import struct

import nbcompare
from nnfromscratch.course.student import CODE_STUB, SOLUTION, TEXT_STUB
from nnfromscratch.course.working_copy import ANSWER, ANSWER_CODE, INSTALL

from . import address

LINK = re.compile(r'(\]\(|\b(?:src|href)=")((?![a-z]+:|[#/])[^)\s"#]+)(?=[)"#])')
PICTURE = re.compile(r'<img alt="(?P<alt>[^"]*)" src="data:image/png;base64,(?P<data>[^"]+)">')
BADGE = re.compile(r"\[!\[Binder\]\([^)]*\)\]\([^)]*\)(?:\s+\[!\[Colab\]\([^)]*\)\]\([^)]*\))?")
FRAME = re.compile(r"\*\*Time to read:\*\* (?P<read>\d+) minutes.*\*\*Time to run:\*\* (?P<run>.+)")
NAMED = re.compile(r"[Ll]essons? ((?:\d\d(?:, | and | to )?)+)")
PICTURES = ".png", ".svg", ".jpg", ".gif"
IN_COLAB = "%pip install git+{url}"


def source(cell):
    """Return a cell's text."""
    return "".join(cell["source"])


def place_on_site(path):
    """Return where a file of the repository belongs on the site, without an ending; "" if not."""
    folder, name = posixpath.split(path)
    stem, ending = posixpath.splitext(name)
    if folder == "docs" and ending in (".md", *PICTURES):
        return stem if ending == ".md" else name
    if ending == ".ipynb" and re.match(r"\d\d_", name):
        return {"notebooks": f"lessons/{stem}", "notebooks/exercises": f"exercises/{stem}"}.get(
            folder, ""
        )
    return "contributing" if path == "CONTRIBUTING.md" else ""


def redirected(text, path, root, left_out=()):
    """Return a text of the file `path` whose links lead to the site, else to the repository.

    A link to what is neither stays as it is. `left_out` are files that this site does without.
    """
    here = posixpath.dirname(place_on_site(path))

    def target(match):
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[2]))
        if (place := place_on_site(meant)) and (root / meant).is_file() and meant not in left_out:
            ending = "" if place.endswith(PICTURES) else posixpath.splitext(meant)[1]
            return match[1] + posixpath.relpath(place + ending, here or ".")
        return match[1] + in_repository(meant, root) if (root / meant).exists() else match[0]

    return LINK.sub(target, text)


def in_repository(path, root):
    """Return the address of a file on the repository's page."""
    return f"{address.read(root)}/{'raw' if path.endswith(PICTURES) else 'blob'}/main/{path}"


def launch(path, root):
    """Return the buttons below a notebook's title: Binder, Colab, download."""
    url, name = address.read(root), posixpath.basename(path)
    colab = address.colab_link(url, path)
    download = posixpath.relpath(f"downloads/{name}", posixpath.dirname(place_on_site(path)))
    buttons = (
        '<p class="launch">'
        f'<a href="{address.binder_link(url, path)}">Run on Binder</a> '
        f'<a href="{colab}">Open in Colab</a> '
        f'<a href="{download}" download>Download</a></p>'
    )
    if "/exercises/" not in path:
        return buttons  # a lesson installs the course by itself
    return (
        f"{buttons}\n<details class='colab'><summary>In Colab, one line first</summary><p>Colab "
        f"has NumPy but not the course. Put <code>{IN_COLAB.format(url=url)}</code> into a cell "
        "above the first one, and run it.</p></details>"
    )


def lesson(notebook, path, root, left_out=()):
    """Return a lesson as the site has it, and its pictures by their names."""
    notebook, pictures = json.loads(json.dumps(notebook)), {}
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] != INSTALL]
    stem = posixpath.splitext(posixpath.basename(path))[0]
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "markdown":
            text = redirected(source(cell), path, root, left_out)
            cell["source"] = BADGE.sub(lambda _: launch(path, root), text)
            continue
        tags = cell["metadata"].setdefault("tags", [])
        folded = {ANSWER: "hide-output", ANSWER_CODE: "hide-cell"}
        tags += [fold for tag, fold in folded.items() if tag in tags]
        for part, output in enumerate(cell["outputs"], start=1):
            data = output.get("data", {})
            data.pop(nbcompare.MIME, None)
            if "text/html" in data:
                found = []
                name = f"{stem}-{number}-{part}.png"
                data["text/html"] = PICTURE.sub(
                    lambda m, name=name, found=found: _as_file(m, name, found),
                    "".join(data["text/html"]),
                )
                pictures |= dict.fromkeys([name] * bool(found), found and found[0])
    return notebook, pictures


def _as_file(match, name, found):
    """Put a picture that stands in the page into a file: pages stay small, pictures load late.

    It leads to itself, so that on a telephone it can be opened alone and made larger.
    """
    picture = base64.b64decode(match["data"])
    found.append(picture)
    width, height = struct.unpack(">II", picture[16:24])
    return (
        f'<a href="../pictures/{name}"><img alt="{match["alt"]}" src="../pictures/{name}" '
        f'width="{width}" height="{height}" loading="lazy"></a>'
    )


def exercise_set(notebook, solved, hints, path, root, left_out=()):
    """Return a set as the site has it: each blank, its hints and its solution folded below it.

    Args:
        notebook: the student edition.
        solved: the notebook with the solutions.
        hints: for each blank, its hints.
        path: of the student edition, in the repository.
        root: the repository.
        left_out: files that this site does without.
    """
    answers = {cell["metadata"].get("nbgrader", {}).get("grade_id"): cell for cell in solved}
    cells, name = [], ""
    for cell in json.loads(json.dumps(notebook["cells"])):
        text = source(cell)
        if cell["cell_type"] == "markdown":
            if text.strip() == TEXT_STUB[0]:
                continue  # a place to write, which a page has not
            cell["source"] = redirected(text, path, root, left_out)
        elif CODE_STUB[0] in text:
            name = cell["metadata"]["nbgrader"]["grade_id"]
        if not text.startswith("# hint("):
            cells.append(cell)
        elif name:
            answer = unmarked(source(answers[name]))
            cells.append(_markdown(cell["id"], _folded(hints.get(name, ()), answer)))
    head, *rest = source(cells[0]).split("\n", 1)
    cells[0]["source"] = "\n\n".join([head, launch(path, root), *rest])
    return notebook | {"cells": cells}


def unmarked(text):
    """Return a solution without the marks around it."""
    return "\n".join(line for line in text.split("\n") if line.strip() not in SOLUTION)


def _folded(hints, answer):
    """Return Markdown with each hint and the solution behind a click of its own."""
    parts = [
        f"<details><summary>Hint {number} of {len(hints)}</summary><p>{html.escape(hint)}</p>"
        "</details>"
        for number, hint in enumerate(hints, start=1)
    ]
    parts.append(
        f"<details><summary>A solution</summary>\n\n```python\n{answer.strip()}\n```\n\n</details>"
    )
    return "\n\n".join(parts)


def _markdown(name, text):
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text}


def frame(notebook):
    """Return what a lesson says of itself: title, minutes, time to run, the lessons it needs."""
    texts = [source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    times = FRAME.search(texts[0])
    needs = texts[1].split("## What you need")[1]
    numbers = {n for m in NAMED.finditer(needs) for n in re.findall(r"\d\d", m[1])}
    title = texts[0].split("\n")[0].lstrip("# ")
    return {"title": title, "number": title[:2], "read": int(times["read"]), "run": times["run"],
            "needs": sorted(n for n in numbers if n < title[:2]),
            "optional": "**optional**" in texts[0] or "is optional" in texts[0]}  # fmt: skip


def course_map(frames, happens, errors, sets):
    """Return the map of the course as HTML.

    Args:
        frames: of each lesson, by the address of its page.
        happens: a sentence on each lesson by its number, from the README.
        errors: the test error that a lesson reaches, by its number.
        sets: the addresses of the exercise sets by number.
    """
    needed = {about["number"]: (page, about["title"]) for page, about in frames.items()
              if not about["optional"]}  # fmt: skip
    rows = []
    for page, about in frames.items():
        number = about["number"]
        needs = ", ".join(_linked(*needed[n], n) for n in about["needs"] if n in needed)
        facts = [f"{about['read']} minutes, runs in {about['run']}"]
        facts += ["optional"] * about["optional"]
        facts += [f"after {needs}"] if needs else []
        facts += [_linked(sets[number], "", "exercises")] if number in sets else []
        facts += [f"<b>{100 * errors[number]:.2g} % wrong</b>"] if number in errors else []
        rows.append(
            f'<li><a class="title" href="{page}">{html.escape(about["title"])}</a>'
            f"<p>{happens.get(number, '')}</p>"
            f'<p class="facts">{" · ".join(facts)}</p></li>'
        )
    minutes = sum(about["read"] for about in frames.values() if not about["optional"])
    said = f"{len(needed)} lessons, {minutes / 60:.0f} hours to read. *After* names those needed."
    return f'{said}\n\n<ol class="course-map">\n' + "\n".join(rows) + "\n</ol>"


def _linked(page, title, text):
    about = f' title="{html.escape(title)}"' if title else ""
    return f'<a href="{page}"{about}>{text}</a>'


def what_happens(readme):
    """Return the sentence on each lesson in the README's course map, as HTML, by its number."""
    rows = re.findall(r"^\| \[(\d\d) [^|]*\]\(notebooks/[^|]*\| ([^|]*) \|", readme, re.MULTILINE)
    return {number: re.sub(r"`([^`]*)`", r"<code>\1</code>", text) for number, text in rows}
