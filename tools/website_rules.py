"""What every page of the website must be; each rule returns a list of complaints."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LEAST_ALT = 12
# Attributes whose address the browser fetches without a click.
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src",
           "video": "src", "audio": "src", "object": "data", "embed": "src"}  # fmt: skip
NOT_FETCHED = {"canonical", "search", "index", "next", "prev", "author", "copyright"}
IN_STYLES = re.compile(r"url\(\s*[\"']?((?:https?:)?//[^)\"']+)|@import\s+[\"']((?:https?:)?//\S+)")


class Page(HTMLParser):
    """What a page holds that the rules ask about."""

    def __init__(self, text):
        super().__init__()
        self.images, self.fetched, self.links, self.ids = [], [], [], set()
        self.title, self._in_title, self.headings = "", False, 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Note what the tag names."""
        about = dict(attributes)
        self.ids |= {about.get("id"), about.get("name")} - {None}
        self.headings += tag == "h1"
        self._in_title = tag == "title" or (self._in_title and tag != "body")
        if tag == "img":
            self.images.append(about)
        if tag == "a" and about.get("href"):
            self.links.append(about["href"])
        kinds = set((about.get("rel") or "").split())
        if tag in FETCHED and about.get(FETCHED[tag]) and not kinds & NOT_FETCHED:
            self.fetched.append(about[FETCHED[tag]])

    def handle_endtag(self, tag):
        """Note where the title ends."""
        self._in_title = self._in_title and tag != "title"

    def handle_data(self, data):
        """Collect the title."""
        self.title += data if self._in_title else ""


def has_alt(page):
    """Require a text for each picture, and not its file's name."""
    return [
        f"a picture without a text: {image.get('src', '')[:60]} ({image.get('alt')!r})"
        for image in page.images
        if len(image.get("alt") or "") < LEAST_ALT
        or re.search(r"\.(png|svg|jpe?g|gif)\b|\w/\w*[a-z]", image["alt"])
    ]


def fetches_nothing(page):
    """Allow no script, style, font or picture from another host."""
    return [f"fetched from another host: {a}" for a in page.fetched if urlsplit(a).netloc]


def has_title(page):
    """Require a title for the browser's tab, and a heading of the first rank."""
    return ["no title"] * (not page.title.strip()) + ["no heading"] * (page.headings == 0)


RULES = (has_alt, fetches_nothing, has_title)
MADE_BY_SPHINX = {"search.html", "genindex.html", "py-modindex.html"}


def dead_links(pages, site):
    """Return links within the site to files or parts that are not there."""
    found = []
    for path, page in pages.items():
        for link in {*page.links, *page.fetched}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            lost = (
                parts.fragment
                and target in pages
                and unquote(parts.fragment) not in pages[target].ids
            )
            if not target.exists() or lost:
                found.append(f"{path.relative_to(site)}: {link} leads nowhere")
    return found


def styles_fetch_nothing(site):
    """Allow no font and no style from another host in the style sheets."""
    return [
        f"{path.relative_to(site)}: {match[1] or match[2]} is fetched from another host"
        for path in sorted(site.rglob("*.css"))
        for match in IN_STYLES.finditer(path.read_text(encoding="utf-8"))
    ]


def read(site):
    """Return the pages of a built site by their paths."""
    site = Path(site).resolve()
    paths = sorted(p for p in site.rglob("*.html") if "_static" not in p.parts)
    return {path: Page(path.read_text(encoding="utf-8")) for path in paths}


def complaints(site):
    """Return what is wrong with a built site."""
    site, pages = Path(site).resolve(), read(site)
    found = [
        f"{path.relative_to(site)}: {complaint}"
        for path, page in pages.items()
        if path.name not in MADE_BY_SPHINX
        for rule in RULES
        for complaint in rule(page)
    ]
    return found + dead_links(pages, site) + styles_fetch_nothing(site)
