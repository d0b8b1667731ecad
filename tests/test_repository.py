"""What the files around the package promise one another."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement

from benchmarks import speed
from tools import address, matrix, mutation
from tools.notebooks import lessons

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LESSONS = lessons(ROOT / "notebooks")
CONDA_NAMES = {"matplotlib": "matplotlib-base"}


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


# The same packages for pip and for conda


def pip_packages():
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    found = {}
    for line in [*project["dependencies"], *extras["lab"], *extras["test"]]:
        requirement = Requirement(line)
        found[CONDA_NAMES.get(requirement.name, requirement.name)] = str(requirement.specifier)
    return found


def conda_packages(environment):
    requirements = [
        Requirement(line) for line in environment["dependencies"] if not line.startswith("python=")
    ]
    return {requirement.name: str(requirement.specifier) for requirement in requirements}


def test_environment_and_pyproject_name_the_same_packages_and_bounds():
    conda = conda_packages(yaml.safe_load(text_of("environment.yml")))
    assert conda.pop("pip") == ""
    assert conda == pip_packages()


def test_every_requirement_has_a_lower_bound():
    assert [name for name, bounds in pip_packages().items() if ">=" not in bounds] == []


# Binder


def binder_complaints(root):
    """Read from the files what repo2docker would do, by its rules."""
    complaints = []
    chosen = root / "binder" / "environment.yml"
    if not chosen.exists():
        return ["with a folder binder/ the environment must be there"]
    text = chosen.read_text(encoding="utf-8")
    # A checkout on Windows stores a symbolic link as a file that holds the path.
    if not chosen.is_symlink() and text.strip() == "../environment.yml":
        text = (root / "environment.yml").read_text(encoding="utf-8")
    if text != (root / "environment.yml").read_text(encoding="utf-8"):
        complaints.append("binder/environment.yml is not the environment at the root")
    packages = yaml.safe_load(text)["dependencies"]
    pins = [line for line in packages if re.match(r"python\b", str(line))]
    if pins != ["python=3.12"]:
        complaints.append(f"python must be pinned, or Binder takes an old one: {pins}")
    if any(not isinstance(line, str) or line.startswith("-e") for line in packages):
        complaints.append("the environment must not install by pip: no layer would be cached")
    post_build = root / "binder" / "postBuild"
    if not post_build.exists():
        return [*complaints, "binder/postBuild is missing"]
    script = post_build.read_text(encoding="utf-8")
    if os.name != "nt" and not os.access(post_build, os.X_OK):
        complaints.append("binder/postBuild is not executable")
    if not script.startswith("#!") or "set -e" not in script:
        complaints.append("binder/postBuild must name its shell and stop at an error")
    if not re.search(r"^pip install --no-deps -e \.$", script, re.MULTILINE):
        complaints.append("binder/postBuild does not install the package")
    if f"\nnnfromscratch lab {address.COPY} --no-open\n" not in script:
        complaints.append("binder/postBuild does not make the copy that the badges lead to")
    return complaints


def test_binder_gets_the_environment_and_the_package():
    assert binder_complaints(ROOT) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("environment.yml", "python=3.12", "python>=3.11", "python must be pinned"),
        ("environment.yml", "- pip\n", "- pip:\n    - -e .\n", "must not install by pip"),
        ("binder/postBuild", "pip install", "echo pip install", "does not install the package"),
        ("binder/postBuild", "set -euo pipefail", "", "stop at an error"),
        ("binder/postBuild", "lab my_course", "lab other", "does not make the copy"),
    ],
)
def test_binder_complaints_notice(tmp_path, name, old, new, complaint):
    shutil.copytree(ROOT / "binder", tmp_path / "binder", symlinks=True)
    shutil.copy(ROOT / "environment.yml", tmp_path)
    assert binder_complaints(tmp_path) == []
    broken = tmp_path / name
    text = broken.read_text(encoding="utf-8")
    assert old in text
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert any(complaint in line for line in binder_complaints(tmp_path))


@pytest.mark.skipif(
    importlib.util.find_spec("repo2docker") is None or os.name == "nt",
    reason="jupyter-repo2docker is not installed (the rules are tested above)",
)
def test_repo2docker_picks_the_same(tmp_path):
    # A copy of what repo2docker looks at, so that it does not read the whole working folder.
    shutil.copytree(ROOT / "binder", tmp_path / "binder", symlinks=True)
    for name in ("environment.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    log = done.stdout + done.stderr
    assert done.returncode == 0, log
    assert "Building conda environment for python=3.12" in log
    assert '--file "binder/environment.yml"' in log
    assert "RUN ./binder/postBuild" in log


# The package


def test_the_citation_and_the_license_agree_with_the_package():
    project = PYPROJECT["project"]
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert str(citation["version"]) == project["version"]
    assert citation["repository-code"] == project["urls"]["Repository"]
    license_text = text_of("LICENSE")
    for phrase in ("MIT License", "licenses/by/4.0/", "licenses/by-sa/3.0/", "Yann LeCun"):
        assert phrase in license_text


def test_the_workflow_runs_what_make_test_runs():
    makefile = text_of("Makefile").replace("\\\n", " ")
    command = re.search(r"^PYTEST := pytest (.*)$", makefile, re.MULTILINE)[1].split()
    threads = re.search(r"^ONE_THREAD := (.*)$", makefile, re.MULTILINE)[1].split()
    environment = yaml.safe_load(text_of(".github/workflows/test.yml"))["env"]
    assert environment.pop("TESTS").split() == command
    assert [f"{name}={value}" for name, value in environment.items()] == threads
    (steps,) = re.findall(r"^test: .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    checks = re.findall(r"^\t\$\(BIN\)/(\w.*)$", steps, re.MULTILINE)
    jobs = yaml.safe_load(text_of(".github/workflows/test.yml"))["jobs"]
    runs = [step.get("run") for step in jobs["test"]["steps"]]
    assert {"ruff check .", "mypy"} <= set(checks) <= set(runs)


@pytest.mark.parametrize("page", ["mutation", "matrix"])
def test_stored_results_and_their_pages_agree(page):
    results = json.loads(text_of(f"docs/{page}.json"))
    tool = {"mutation": mutation, "matrix": matrix}[page]
    more = [tool.read_reasons()] if page == "mutation" else []
    assert text_of(f"docs/{page}.md") == tool.page(results, *more)


def test_every_survivor_of_mutation_testing_has_its_reason():
    results, reasons = mutation.read_results(), mutation.read_reasons()
    assert set(results) == set(mutation.MODULES)
    assert set(mutation.keys_of(results)) == set(reasons)
    assert all(reasons.values())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")
@pytest.mark.parametrize("name", [".ci/run", "binder/postBuild"])
def test_scripts_are_executable(name):
    assert os.access(ROOT / name, os.X_OK)


# Links


def links(text):
    """Return the targets of the Markdown and HTML links in a text, code left out."""
    text = re.sub(r"^ *(```|~~~).*?^ *\1", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    found = re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)", text)
    found += re.findall(r"^\[[^\]]+\]:\s+<?(\S+?)>?\s*$", text, flags=re.MULTILINE)
    found += re.findall(r"<(?:a|img)\b[^>]*?\b(?:href|src)=[\"']([^\"']+)", text)
    return found


def missing_files(text, folder, root=ROOT):
    """Return those links to files of the repository that lead nowhere."""
    url = address.read(root)
    ours = (
        rf"{re.escape(url)}/(?:blob|tree|raw)/main/([^#?]+)",
        rf"{re.escape(address.binder_link(url, ''))}([^#?&]+)",
    )
    missing = []
    for target in links(text):
        if match := next(filter(None, (re.match(pattern, target) for pattern in ours)), None):
            path = root / re.sub(f"^{address.COPY}/", "notebooks/", unquote(match[1]))
        elif re.match(r"[a-z][a-z0-9+.-]*:|#", target):
            continue
        else:
            path = folder / unquote(target.split("#")[0].split("?")[0])
        if not path.exists() or root not in [path.resolve(), *path.resolve().parents]:
            missing.append(target)
    return missing


def markdown_of(path):
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.mark.parametrize(
    "path",
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *(path for path in address.files(ROOT) if path.suffix == ".ipynb"),
    ],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_links_to_files_of_the_repository_lead_somewhere(path):
    assert missing_files(markdown_of(path), path.parent) == []


def test_missing_files_notices(tmp_path):
    binder = address.binder_link(address.read(), "notebooks/99_nothing.ipynb")
    good = "[a](LICENSE) [b](https://example.org/x) [c](#part) `[d](nowhere)` <a href='tests/'>"
    bad = (
        f"[a](nowhere.md#part) ![b](docs/no.png) [c]({address.read()}/blob/main/no.py) "
        f'[![d](https://mybinder.org/badge_logo.svg)]({binder}) <img width="9" src="no.svg">'
    )
    assert missing_files(good, ROOT) == []
    assert len(missing_files(bad, ROOT)) == 5


# No command may destroy what a learner has written

DESTROYING = re.compile(
    r"git (checkout|restore|clean|reset|rm|stash (drop|clear))\b|\brm\b[^\n`]*|-exec rm\b|-delete\b"
)
HARMLESS = {
    "rm -rf .venv; \\",
    "rm -rf .venv .matrix build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache",
}


def destroying(text):
    text = text.replace("find . -type d -name __pycache__ -prune -exec rm -rf {} +", "")
    return [m[0] for m in DESTROYING.finditer(text) if m[0] not in HARMLESS]


@pytest.mark.parametrize(
    "path",
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "Makefile",
        *(ROOT / "docs").glob("*.md"),
    ],
    ids=lambda path: path.name,
)
def test_no_documented_command_destroys_what_a_learner_has_written(path):
    assert destroying(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    ["`git checkout notebooks`", "git clean -fdx", "\trm -rf notebooks", "rm -r submitted/ID",
     "find . -name .ipynb_checkpoints -prune -exec rm -rf {} +"],
)  # fmt: skip
def test_what_destroys_is_noticed(text):
    assert destroying(text)


@pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="no make here")
def test_make_clean_leaves_what_was_written(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    kept = ["notebooks/exercises/02.ipynb", "notebooks/.ipynb_checkpoints/02-checkpoint.ipynb",
            "trained/model.npz", "notebooks/exercises/.progress.json"]  # fmt: skip
    for name in (*kept, "tests/__pycache__/a.pyc", ".venv/bin/python"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {*kept, "Makefile"}


# The course map


def course_map_complaints(readme, names, url):
    """Compare the course map in the README with the lessons that exist."""
    rows = [line for line in readme.splitlines() if line.lstrip().startswith("|")]
    complaints = []
    for name in names:
        own = [row for row in rows if f"](notebooks/{name})" in row]
        number = name[:2]
        if len(own) != 1:
            complaints.append(f"{name} stands in {len(own)} rows of the course map")
        elif not re.search(rf"\[{number} [^\]]+\]\(notebooks/{re.escape(name)}\)", own[0]):
            complaints.append(f"the link to {name} does not begin with {number}")
        elif address.binder_badge(url, f"notebooks/{name}") not in own[0]:
            complaints.append(f"the row of {name} lacks its Binder badge")
    listed = re.findall(r"\]\(notebooks/(\d\d_[^)/]+\.ipynb)\)", "\n".join(rows))
    if sorted(names) == sorted(listed) and listed != sorted(listed):
        complaints.append("the lessons are not in their order")
    return complaints


def test_every_lesson_stands_in_the_course_map_with_its_badge():
    names = [path.name for path in LESSONS]
    assert names, "there is no lesson"
    assert course_map_complaints(text_of("README.md"), names, address.read()) == []


def test_course_map_complaints_notice():
    url = "https://github.com/someone/course"
    names = ["01_a.ipynb", "02_b.ipynb"]
    rows = [
        f"| [{name[:2]} A](notebooks/{name}) | {address.binder_badge(url, 'notebooks/' + name)} |"
        for name in names
    ]

    def complaints(*lines):
        return course_map_complaints("\n".join(lines), names, url)

    assert complaints(*rows) == []
    assert complaints(rows[0]) == ["02_b.ipynb stands in 0 rows of the course map"]
    assert complaints(*rows, rows[1]) == ["02_b.ipynb stands in 2 rows of the course map"]
    assert complaints(*reversed(rows)) == ["the lessons are not in their order"]
    assert "Binder badge" in complaints(rows[0], rows[1].replace("lab/tree", "tree"))[0]
    assert "Binder badge" in complaints(rows[0], rows[1].replace("gh/someone", "gh/other"))[0]
    assert "begin with 02" in complaints(rows[0], rows[1].replace("[02 ", "[2 "))[0]


# The public address


def test_every_link_is_derived_from_the_one_address():
    assert address.differences(ROOT) == []


@pytest.fixture
def copy_of_the_texts(tmp_path):
    """Copy the texts and lessons, and add a notebook and a page with every form of link."""
    for name in (*address.TEXTS, "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("docs", "notebooks"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints")
        )
    (tmp_path / "docs").mkdir(exist_ok=True)
    url = address.read(tmp_path)
    owner, name = address.parse(url)
    text = (
        f"{address.binder_badge(url, 'notebooks/98_x.ipynb')}\n"
        f"`git clone {url}.git`, {url}/issues, see {url}.\n"
        f"https://raw.githubusercontent.com/{owner}/{name}/main/docs/a.png\n"
        f"https://github.com/numpy/numpy-tutorials and https://github.com/{name}x/other stay.\n"
    )
    (tmp_path / "docs" / "page.md").write_bytes(text.replace("\n", "\r\n").encode())
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": text.splitlines(True)}
    notebook = {"cells": [cell], "metadata": {"é": 1}, "nbformat": 4, "nbformat_minor": 5}
    # Another indent, escapes and no newline at the end: all of it must survive.
    (tmp_path / "notebooks" / "98_x.ipynb").write_bytes(json.dumps(notebook, indent=3).encode())
    return tmp_path


def all_bytes(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_rewriting_to_another_address_and_back_gives_identical_bytes(copy_of_the_texts):
    folder = copy_of_the_texts
    before = all_bytes(folder)
    url = address.read(folder)
    owner, name = address.parse(url)
    assert address.rewrite("https://github.com/ada-l/neural.course.git", folder)
    after = all_bytes(folder)
    assert address.read(folder) == "https://github.com/ada-l/neural.course"
    assert address.differences(folder) == []
    for path in (Path("docs/page.md"), Path("notebooks/98_x.ipynb"), Path("CITATION.cff")):
        assert after[path] != before[path]
        assert f"{owner}/{name}".encode() not in after[path]
    assert b"numpy/numpy-tutorials" in after[Path("docs/page.md")]
    assert f"{name}x/other".encode() in after[Path("docs/page.md")]
    assert b"ada-l/neural.course.git`" in after[Path("docs/page.md")]
    assert address.rewrite("https://github.com/ada-l/neural.course", folder) == []
    address.rewrite(url, folder)
    assert all_bytes(folder) == before


def test_differences_are_listed_with_file_and_line(copy_of_the_texts, capsys):
    folder = copy_of_the_texts
    assert address.main([], folder) == 0
    page = folder / "docs" / "page.md"
    owner, name = address.parse(address.read(folder))
    page.write_bytes(page.read_bytes().replace(f"gh/{owner}/".encode(), b"gh/other/"))
    capsys.readouterr()
    assert address.main([], folder) == 1
    assert capsys.readouterr().out == (
        f"docs/page.md, line 1: https://mybinder.org/v2/gh/other/{name} "
        f"should be https://mybinder.org/v2/gh/{owner}/{name}\n"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.com/someone/course",
        "http://github.com/someone/course",
        "git@github.com:someone/course.git",
        "https://github.com/someone",
        "https://github.com/someone/course/tree/main",
        "https://github.com/some--one/course",
        "someone/course",
        "",
    ],
)
def test_only_addresses_of_github_repositories_are_accepted(copy_of_the_texts, capsys, url):
    before = all_bytes(copy_of_the_texts)
    assert address.main([url], copy_of_the_texts) == 2
    assert "must look like https://github.com/OWNER/NAME" in capsys.readouterr().err
    assert all_bytes(copy_of_the_texts) == before


def test_the_page_on_speed_is_composed_from_the_stored_figures():
    stored = json.loads(speed.STORED.read_text(encoding="utf-8"))
    assert set(stored) == set(speed.PARTS)
    assert speed.page(stored) == text_of("docs/speed.md")
    stored["result"]["result"]["fit"][0]["seconds"] = None
    assert "not reached" in speed.page(stored)


def test_the_page_on_speed_opens_with_what_one_gets_and_ends_with_the_aims():
    stored = json.loads(speed.STORED.read_text(encoding="utf-8"))
    one, two = stored["epoch"]["result"]
    fits = [next(row for row in group["rows"] if row["name"] == "fit") for group in (one, two)]
    _, first, *rest = speed.page(stored).split("\n\n")
    first = " ".join(first.split())
    for fit in fits:
        assert f"{fit['seconds']:.2f} seconds with {fit['threads']} thread" in first
        assert f"{fit['ratio']:.2f}" in first
    assert len(re.findall(r"\.(?= |$)", first)) in (2, 3)
    assert [part for part in rest if part.startswith("## ")][-1] == "## What was aimed at"
    assert not re.search(r"\b(missed|reached)\b", speed.page(stored))
    stored["epoch"]["result"] = [one | {"rows": one["rows"][:5]}]  # no framework is installed
    for run in stored["result"]["result"]["fit"]:
        run["seconds"] = None
    assert speed.opening(stored)[-1].endswith("alone take.")
