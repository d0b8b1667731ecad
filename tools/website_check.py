"""Hold every page of the built website to the rules of accessibility: `make site-check`.

Chromium opens each page from its folder, in light and dark. axe-core looks for what keeps people
out; at 320 pixels, and at 640 as a page of 1280 enlarged to 200 %, nothing may scroll sideways but
code, tables and formulas in boxes of their own; nothing may be asked of another host.
"""

import argparse
import json
import re
import sys
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from .browser import chromium

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "docs" / "accessibility.json"
WINDOW = {"width": 1280, "height": 800}
WIDTHS = (320, 640)
# WCAG 2.2 A and AA, and what axe calls best practice; at night nothing changes but the colors.
THEMES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "dark": ["color-contrast", "link-in-text-block"],
}
RUN = """async (rules) => {
  const found = await axe.run({ runOnly: rules, resultTypes: ["violations"], selectors: false });
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => [id, node.html.slice(0, 200)]));
}"""
TOO_WIDE = """() => {
  const page = document.scrollingElement;
  if (page.scrollWidth <= innerWidth) return "";
  const boxed = (part) => part && (getComputedStyle(part).overflowX !== "visible"
    || getComputedStyle(part).position === "fixed" || boxed(part.parentElement));
  const wide = [...document.querySelectorAll("main *")].filter(
    (part) => part.clientWidth && part.scrollWidth > part.clientWidth && !boxed(part)).pop();
  return `${page.scrollWidth}: ${wide ? wide.outerHTML.slice(0, 120) : "?"}`;
}"""
ADDRESS = re.compile(r"(file|data|blob|about):")


def check(page, path, script):
    """Return what is wrong with a page: the theme or the width, the rule, and where."""
    found, asked = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.resolve().as_uri())
    page.add_script_tag(content=script)
    for theme, rules in THEMES.items():
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        # A formula is a name, which axe-core does not see.
        found += [
            (theme, *complaint) for complaint in page.evaluate(RUN, rules)
            if not (complaint[0] == "empty-table-header" and "<math" in complaint[1])
        ]  # fmt: skip
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        if wide := page.evaluate(TOO_WIDE):
            found.append((f"{width} pixels", "scrolls sideways", wide))
    found += [("", "another host", url) for url in asked if not ADDRESS.match(url)]
    return found


def main(arguments=None):
    """Check all pages, or some, say what was found, and store the result of all."""
    import axe_playwright_python

    parser = argparse.ArgumentParser(prog="python -m tools.website_check")
    parser.add_argument("pages", nargs="*", help="such as index.html (all)")
    parser.add_argument("--site", type=Path, default=ROOT / "build" / "site")
    options = parser.parse_args(arguments)
    pages = options.pages or sorted(
        path.relative_to(options.site).as_posix() for path in options.site.rglob("*.html")
        if "_static" not in path.parts
    )  # fmt: skip
    script = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
    complaints = {}
    with chromium() as browser:
        for name in tqdm(pages, unit="page", disable=None):
            page = browser.new_page(viewport=WINDOW, reduced_motion="reduce")
            complaints[name] = check(page, options.site / name, script)
            page.close()
            for complaint in complaints[name]:
                tqdm.write(f"{name}: {' | '.join(complaint)}")
        version = browser.version
    rules = Counter(rule for found in complaints.values() for _, rule, *_ in found)
    axe = re.search(r"axe v([\d.]+)", script)[1]
    print(f"{len(pages)} pages, {sum(rules.values())} complaints {dict(rules)}")
    if not options.pages:
        result = {"command": "make site-check", "axe-core": axe, "chromium": version,
                  "pages": len(pages), "themes": list(THEMES), "widths": WIDTHS,
                  "complaints": rules}  # fmt: skip
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return int(bool(rules))


if __name__ == "__main__":
    sys.exit(main())
