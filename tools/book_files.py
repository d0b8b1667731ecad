"""What Sphinx leaves to be done: an EPUB that keeps its rules, and a printed contents with pages.

Sphinx writes pages of HTML into the EPUB, where XHTML is asked for, and says nothing of formulas.
In print, contents need the numbers of pages, which only printed pages have: so it prints twice.
"""

import html
import re
import shutil
import subprocess
import zipfile
from xml.etree import ElementTree

from .website_rules import Page, fetches_nothing, has_alt

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
VOID = re.compile(r"<(img|br|hr|input|link|meta|col|wbr|source)\b([^<>]*?)\s*/?>")
BUTTONS = re.compile(r"<link [^>]*_static/mystnb[^>]*>")  # the look of what a book has not
NOT_IN_EPUB = re.compile(r"_static/.*\.js$|_static/(mystnb\b.*|book_print)\.css$")
FEATURES = ("alternativeText", "MathML", "readingOrder", "structuralNavigation", "tableOfContents")
ACCESS = "".join(
    f'<meta property="schema:{name}">{value}</meta>'
    for name, value in (
        ("accessMode", "textual"), ("accessMode", "visual"), ("accessModeSufficient", "textual"),
        ("accessibilityHazard", "none"), *(("accessibilityFeature", f) for f in FEATURES),
        ("accessibilitySummary", "Every picture has a text, and every formula is MathML."),
    )
)  # fmt: skip


# EPUB


def xhtml(text):
    """Return a page of HTML as the XHTML that an EPUB must hold."""
    text = BUTTONS.sub("", VOID.sub(r"<\1\2 />", text))
    return text.replace(' loading="lazy"', "").replace("&nbsp;", "&#160;")


def finish_epub(folder, target):
    """Mend the pages in a folder that Sphinx has written, pack them; return what is still wrong."""
    found, with_formulas = [], set()
    for page in sorted(folder.rglob("*.xhtml")):
        name = page.relative_to(folder).as_posix()
        text = xhtml(page.read_text(encoding="utf-8"))
        page.write_text(text, encoding="utf-8")
        with_formulas |= {name} if "<math" in text else set()
        found += [f"{name}: {complaint}" for complaint in page_complaints(text)]
    opf, ncx = folder / "content.opf", folder / "toc.ncx"
    listed = opf.read_text(encoding="utf-8")
    opf.write_text(manifest(listed, with_formulas), encoding="utf-8")
    name = re.search(r"<dc:identifier[^>]*>([^<]+)<", listed)[1]
    old = ncx.read_text(encoding="utf-8")
    ncx.write_text(re.sub(r'("dtb:uid" content=)"[^"]*"', rf'\1"{name}"', old), encoding="utf-8")
    pack(folder, target)
    return found + epubcheck(target)


def page_complaints(text):
    """Return what is wrong with a page: no XML, a picture without a text, something fetched."""
    try:
        ElementTree.fromstring(text.encode())
    except ElementTree.ParseError as error:
        return [f"not well-formed: {error}"]
    return [complaint for rule in (has_alt, fetches_nothing) for complaint in rule(Page(text))]


def manifest(opf, with_formulas):
    """Return the EPUB's list of files: formulas and the font named, scripts left out."""

    def item(match):
        name = re.search(r'href="([^"]+)"', match[0])[1]
        if NOT_IN_EPUB.search(name):
            return ""
        return (
            match[0].replace("/>", 'properties="mathml" />') if name in with_formulas else match[0]
        )

    opf = re.sub(r"<item\b[^>]*/>", item, opf)
    font = '<item id="math-font" href="_static/math.woff2" media-type="font/woff2" />'
    return opf.replace("</manifest>", f"{font}</manifest>").replace(
        "</metadata>", f"{ACCESS}</metadata>"
    )


def pack(folder, target):
    """Write the EPUB: a ZIP file whose first entry, not compressed, says what it is."""
    named = re.findall(r'<item\b[^>]*href="([^"]+)"', (folder / "content.opf").read_text("utf-8"))
    temporary = target.with_name(target.name + ".new")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as book:
        book.write(folder / "mimetype", "mimetype", zipfile.ZIP_STORED)
        for name in ("META-INF/container.xml", "content.opf", *sorted(set(named))):
            book.write(folder / html.unescape(name), html.unescape(name))
    temporary.replace(target)


def epubcheck(path):
    """Return what epubcheck says against an EPUB; nothing where it is not installed."""
    if not (command := find_epubcheck()):
        return []
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if re.match(r"(FATAL|ERROR|WARNING)\b", line)]


def find_epubcheck():
    """Return the command that runs epubcheck, None if there is none.

    Debian's is a Java archive, which not every shell knows how to start.
    """
    program = shutil.which("epubcheck")
    if not program:
        return None
    with open(program, "rb") as file:
        return ["java", "-jar", program] if file.read(2) == b"PK" else [program]


# PDF


def find_browser():
    """Return the path of a Chromium, None if there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def write_pdf(folder, target, imprint=""):
    """Print the one page in a folder that Sphinx has written; return what is wrong with it."""
    if not (browser := find_browser()):
        return [f"no PDF: it is printed by Chromium, and none of {', '.join(BROWSERS)} was found"]
    text = (folder / "index.html").read_text(encoding="utf-8")
    text, headings = with_contents(text.replace("../pictures/", "pictures/"), imprint)
    page = folder / "book.html"
    page.write_text(text, encoding="utf-8")
    first = pages_of(headings, print_page(browser, page, folder / "first.pdf"))
    page.write_text(with_pages(text, first), encoding="utf-8")
    second = pages_of(headings, print_page(browser, page, target))
    lost = [
        f"{target.name}: {said} is not found in it, or on another page than its contents say"
        for anchor, said, _ in headings
        if not first.get(anchor) or first[anchor] != second.get(anchor)
    ]
    return lost + [f"book.html: {complaint}" for complaint in has_alt(Page(text))]


HEADING = re.compile(r"<(h[23])>(.*?)</\1>", re.DOTALL)


def with_contents(text, imprint=""):
    """Return the page to print, its contents behind the title, and its headings by their order.

    A heading is (its anchor, what it says, its rank: 2 for a chapter, 3 for a section).
    """
    text = BUTTONS.sub("", re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))
    top, body = re.split(r'<div class="body" role="main">', text)
    body = (
        body.split('<div class="sphinxsidebar"')[0] + "</body></html>"
    )  # unclosed: HTML allows it
    title, body = body.split("</h1>", 1)
    head = f"{top.split('<body>')[0]}<body><main>{title}"
    headings = []

    def marked(match):
        anchor, said = f"part-{len(headings)}", re.sub("<[^>]+>", "", match[2]).strip()
        headings.append((anchor, said, int(match[1][1])))
        chapter = ' class="chapter"' if match[1] == "h2" else ""
        return f'<{match[1]} id="{anchor}"{chapter}>{match[2]}</{match[1]}>'

    body = HEADING.sub(marked, body)
    front = f'</h1><p class="imprint">{imprint}</p>{contents(headings)}'
    return f"{head}{front}{body}", headings


def contents(headings):
    """Return the table of contents, the numbers of the pages left open."""
    parts, inside = [], False
    for anchor, said, rank in headings:
        if rank == 2:
            parts += ["</ol></li>"] * inside
            inside = True
        link = f'<li><a href="#{anchor}" data-page="000">{said}</a>'
        parts.append(f"{link}<ol>" if rank == 2 else f"{link}</li>")
    listed = "".join(parts) + "</ol></li>" * inside
    return f'<nav class="listed"><p class="chapter title">Contents</p><ol>{listed}</ol></nav>'


def with_pages(text, pages):
    """Return the page with the numbers of the pages in its contents."""
    return re.sub(r'href="#(part-\d+)" data-page="000"',
                  lambda m: f'href="#{m[1]}" data-page="{pages.get(m[1], "")}"', text)  # fmt: skip


def print_page(browser, page, target):
    """Print a page with Chromium, and return the path of the PDF."""
    target.unlink(missing_ok=True)
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
        "--generate-pdf-document-outline", f"--print-to-pdf={target}", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not target.is_file():
        raise RuntimeError(f"Chromium printed nothing: {done.stderr[-500:]}")
    return target


def pages_of(headings, pdf):
    """Return on which page of a PDF each heading stands, by its anchor, from the links to it."""
    from pypdf import PdfReader

    reader = PdfReader(pdf)
    places = {
        name.lstrip("/"): reader.get_destination_page_number(where) + 1
        for name, where in reader.named_destinations.items()
    }
    return {anchor: places[anchor] for anchor, _, _ in headings if anchor in places}
