"""A student's text as pages can show it: with its pictures, without what a browser obeys.

Notebooks keep them as attachments of a cell, or as long addresses in the text that hold the picture
itself (Colab). Here they become attachments with names that say nothing, so that whatever a name or
an address may hold is gone, and pictures of two cells can be put in one.
"""

import base64
import binascii
import hashlib
import re
from urllib.parse import quote

ATTACHED = "attachment:"
PICTURE = "picture"
"""What stands in the place of a picture for those who do not see it."""
KINDS = ("png", "jpeg", "gif", "webp", "bmp", "svg+xml")
LARGEST = 10 << 20
"""Bytes of a picture, as text."""
IN_TEXT = re.compile(
    r"""(?:!\[[^\]]{0,500}\]\(\s*<?|<img\b[^>]{0,500}?\bsrc\s*=\s*["']?)"""
    r"""(?:data:image/(?P<kind>[\w+]+);base64,(?P<data>[A-Za-z0-9+/=]+)"""
    r"""|attachment:(?P<name>[^\s"'<>]{1,300}?))"""
    r"""(?:>?(?:\s+["'][^"']{0,500}["'])?\s*\)|["']?(?:\s[^>]{0,500})?>)"""
)


# A scheme may be written with entities, which are read twice in links, and browsers drop white
# space in it.
ENTITY = re.compile(r"&(?!lt;)(?=#|\w)")
SCRIPT = re.compile(r"(?i)(j\s*a\s*v\s*a|v\s*b)(?=\s*s\s*c\s*r\s*i\s*p\s*t[\s\\]*:)")


def harmless(text: str, pictures: tuple[str, ...] = ()) -> str:
    """Return markdown without tags, scripts in links, and pictures that a page would fetch.

    What is harmless already stays as it is, so that it can be done twice.

    Args:
        text: the markdown.
        pictures: the names of those that are in the notebook itself, which stay.
    """
    text = ENTITY.sub("& ", text.replace("<", "&lt;"))
    text = SCRIPT.sub(r"\1-", text).replace("![", "! [").replace("\\href", "href")
    for name in pictures:
        text = text.replace(f"! [{PICTURE}]({ATTACHED}{name})", f"![{PICTURE}]({ATTACHED}{name})")
    return text


def kept(text: str, attachments: object) -> tuple[str, dict]:
    """Return a text with its pictures as attachments, and these; what is no picture is left out.

    Args:
        text: the cell's text.
        attachments: of the cell, whatever its file has.
    """
    given = {}
    for name, parts in attachments.items() if isinstance(attachments, dict) else ():
        for mime, data in parts.items() if isinstance(parts, dict) else ():
            data = "".join(map(str, data)) if isinstance(data, list) else data
            if picture := _picture(mime.removeprefix("image/"), data):
                given[name] = given[quote(name)] = picture
    found = {}

    def attached(match: re.Match) -> str:
        name = match["name"]
        picture = given.get(name) if name else _picture(match["kind"], match["data"])
        if not picture:
            return match[0]
        found[picture[0]] = picture[1]
        return f"![{PICTURE}]({ATTACHED}{picture[0]})"

    text = IN_TEXT.sub(attached, text)
    for name, part in given.values():  # one that the text does not name is shown below it
        if name not in found:
            found[name] = part
            text += f"\n\n![{PICTURE}]({ATTACHED}{name})"
    return text, found


def _picture(kind: str, data: object) -> tuple[str, dict] | None:
    """Return a new name and the attachment, if it is a picture of a kind that pages show."""
    if kind not in KINDS or not isinstance(data, str) or len(data) > LARGEST:
        return None
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    name = f"{hashlib.sha256(raw).hexdigest()[:12]}.{kind[:3]}"
    return name, {f"image/{kind}": base64.b64encode(raw).decode()}
