"""What students are given: the released set, its lesson, and how to start, in one archive."""

import io
import zipfile
from importlib import metadata
from pathlib import Path

from .._files import replacing
from ..exercises import own
from .jail import beside
from .layout import Course, CourseError, write
from .student import student_edition, to_text
from .workspace import editions, repository, stored_notebooks

START = """\
{name}

1. Install Python 3.11 or newer. Then, in a terminal opened in this folder:

       python -m venv .venv
       .venv/bin/python -m pip install 'nnfromscratch[lab] @ git+{address}'
       .venv/bin/jupyter lab

   On Windows it is .venv\\Scripts\\python and .venv\\Scripts\\jupyter. This takes some minutes and
   450 MB. Written for version {version} of the package.
2. Read {lesson}, running its cells from the top.
3. Open exercises/{notebook}. Write each answer in place of
   `raise NotImplementedError`, then run the check below it. The checks are also what grades you,
   with further cases.
4. Save, and hand in that one notebook under the name that it has. How, and what the words on
   your feedback mean: {address}/blob/main/docs/students.md
"""


def handout(course: Course, name: str, release: Path) -> Path:
    """Write release/SET.zip for a set that has been released; return its path.

    Its notebooks are those of a learner's own folder, so the set's link to its lesson works.
    """
    notebooks = stored_notebooks()
    lessons = {
        path: data
        for path, data in editions(notebooks).items()
        if "/" not in path and path[:3] == name[:3]
    }
    lesson = next(iter(lessons), "the lesson")
    start = START.format(
        name=name, notebook=release.name, lesson=lesson, address=repository().rstrip("/"),
        version=metadata.version("nnfromscratch"),
    )  # fmt: skip
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/START.txt", start)
        for path, data in lessons.items():
            archive.writestr(f"{name}/{path}", data)
        for path in [release, *_beside(course, name)]:
            archive.writestr(f"{name}/exercises/{path.name}", path.read_bytes())
    target = release.parent.parent / f"{name}.zip"
    with replacing(target) as file:
        file.write(buffer.getvalue())
    return target


def _beside(course: Course, name: str) -> list[Path]:
    return [path for path in beside(course.source_file(name)) if path.is_file()]


def own_notebooks(course: Course, name: str, students: list[str]) -> Path:
    """Write own/SET/ID/SET.ipynb for each student; return the folder.

    Raises:
        CourseError: two students would have the same blank, which chance does not do.
    """
    notebook, folder = course.source(name).notebook, course.root / "own" / name
    draws = {
        student: own.drawn(course.secret, student, name, own.kind_in(notebook))
        for student in students
    }
    if len({*draws.values()}) < len(draws):
        raise CourseError(f"release: two students have the same own blank in {name}")
    for student, draw in draws.items():
        text = to_text(student_edition(own.with_own(notebook, draw)))
        write(folder / student / f"{name}.ipynb", text)
    return folder
