"""Keep the repository's public address in one place.

    python tools/address.py https://github.com/OWNER/NAME    write it everywhere
    python tools/address.py                                  list what differs, exit 1 if anything

The one place is `[project.urls] Repository` in pyproject.toml. Every badge and link to the
repository, in the README, the lessons and the other texts, is derived from it.
"""

import argparse
import os
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER_OWNER = "OWNER"
COPY = "my_course"
TEXTS = ("README.md", "CONTRIBUTING.md", "CITATION.cff")
SUFFIXES_OF_DOCS = {".html", ".ipynb", ".md", ".py", ".rst", ".toml", ".txt", ".yml"}

# An owner has letters, digits and single hyphens; a name may also have dots and underscores,
# but does not end with the ".git" of a clone address or the dot of a sentence.
_OWNER = r"[A-Za-z0-9](?:-?[A-Za-z0-9])*"
_NAME = r"[A-Za-z0-9_-]+(?:\.(?!git\b)[A-Za-z0-9_-]+)*"
_ADDRESS = re.compile(rf"https://github\.com/({_OWNER})/({_NAME})")
_DERIVED = re.compile(
    r"(https://(?:github\.com|mybinder\.org/v2/gh|nbviewer\.org/github|"
    rf"colab\.research\.google\.com/github|raw\.githubusercontent\.com)/)({_OWNER})/({_NAME})"
)
_LINE = re.compile(r'^(Repository\s*=\s*")([^"\n]*)(")', re.MULTILINE)


class AddressError(ValueError):
    """The address is not one of a GitHub repository."""


def parse(url):
    """Return owner and name of a GitHub address."""
    bare = url.strip().removesuffix("/").removesuffix(".git")
    match = _ADDRESS.fullmatch(bare)
    if match is None or len(match[1]) > 39:
        raise AddressError(
            f"{url!r} is not the address of a GitHub repository; "
            "it must look like https://github.com/OWNER/NAME"
        )
    return match[1], match[2]


def read(root=ROOT):
    """Return the address in pyproject.toml."""
    project = tomllib.loads((Path(root) / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["urls"]["Repository"]


def binder_link(url, path):
    """Return the address that opens a file of the repository in JupyterLab on Binder.

    A lesson is opened in the copy that binder/postBuild makes, where it can be worked in.
    """
    owner, name = parse(url)
    path = re.sub("^notebooks/", f"{COPY}/", path)
    return f"https://mybinder.org/v2/gh/{owner}/{name}/main?urlpath=lab/tree/{path}"


def colab_link(url, path):
    """Return the address that opens a file of the repository in Colab."""
    owner, name = parse(url)
    return f"https://colab.research.google.com/github/{owner}/{name}/blob/main/{path}"


def colab_badge(url, path):
    """Return the Markdown of the Colab badge for a file of the repository."""
    picture = "https://colab.research.google.com/assets/colab-badge.svg"
    return f"[![Colab]({picture})]({colab_link(url, path)})"


def binder_badge(url, path):
    """Return the Markdown of the Binder badge for a file of the repository."""
    return f"[![Binder](https://mybinder.org/badge_logo.svg)]({binder_link(url, path)})"


def files(root=ROOT):
    """List the files that hold links derived from the address, without pyproject.toml."""
    root = Path(root)
    found = [root / name for name in TEXTS if (root / name).is_file()]
    found += [
        path
        for path in sorted((root / "docs").rglob("*"))
        if path.is_file() and path.suffix in SUFFIXES_OF_DOCS
    ]
    found += sorted((root / "notebooks").rglob("*.ipynb"))
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def _names(root, *urls):
    """Return the names under which this repository may appear, in lower case."""
    project = tomllib.loads((Path(root) / "pyproject.toml").read_text(encoding="utf-8"))
    return {project["project"]["name"].lower(), *(parse(url)[1].lower() for url in urls)}


def _is_ours(match, names):
    """Tell a link to this repository from one to somebody else's."""
    return match[2] == PLACEHOLDER_OWNER or match[3].lower() in names


def differences(root=ROOT):
    """Return a line for each link that is not derived from the address in pyproject.toml."""
    root = Path(root)
    url = read(root)
    owner, name = parse(url)
    lines = []
    if url != f"https://github.com/{owner}/{name}":
        lines.append(f"pyproject.toml: {url} should be https://github.com/{owner}/{name}")
    names = _names(root, url)
    for path in [*files(root), root / "pyproject.toml"]:
        text = path.read_bytes().decode("utf-8")
        for match in _DERIVED.finditer(text):
            if _is_ours(match, names) and (match[2], match[3]) != (owner, name):
                line = text.count("\n", 0, match.start()) + 1
                where = path.relative_to(root).as_posix()
                lines.append(f"{where}, line {line}: {match[0]} should be {match[1]}{owner}/{name}")
    return lines


def rewrite(url, root=ROOT):
    """Write the address into pyproject.toml and all that is derived from it.

    Returns the files that changed. Nothing but the addresses in them changes, not a byte.
    pyproject.toml is written last, so that after an interrupt the same call does the rest.
    """
    root = Path(root)
    owner, name = parse(url)
    names = _names(root, read(root), url)
    changed = []

    def replaced(match):
        return f"{match[1]}{owner}/{name}" if _is_ours(match, names) else match[0]

    for path in files(root):
        if _write(path, lambda text: _DERIVED.sub(replaced, text)):
            changed.append(path)

    pyproject = root / "pyproject.toml"
    if len(_LINE.findall(pyproject.read_text(encoding="utf-8"))) != 1:
        raise AddressError('pyproject.toml must have exactly one line that begins `Repository = "`')
    line = rf"\g<1>https://github.com/{owner}/{name}\g<3>"
    if _write(pyproject, lambda text: _DERIVED.sub(replaced, _LINE.sub(line, text))):
        changed.append(pyproject)
    return changed


def _write(path, change):
    old = path.read_bytes()
    new = change(old.decode("utf-8")).encode("utf-8")
    if new == old:
        return False
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(new)
    os.replace(temporary, path)
    return True


def main(arguments=None, root=ROOT):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Write or check the repository's public address.")
    parser.add_argument("url", nargs="?", help="https://github.com/OWNER/NAME; without it: check")
    options = parser.parse_args(arguments)
    try:
        if options.url is None:
            lines = differences(root)
            print("\n".join(lines) or f"Every badge and link agrees with {read(root)}")
            return 1 if lines else 0
        changed = rewrite(options.url, root)
    except AddressError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in changed:
        print(path.relative_to(root).as_posix())
    print(f"{len(changed)} files changed; the address is {read(root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
