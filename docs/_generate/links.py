"""Checks the built site: every internal target and anchor exists, and no page loads anything from another host."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urlsplit

LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""Tags whose target a browser loads by itself."""
EXEMPT_RELATIONS = {"canonical", "prev", "next", "alternate"}


class Link(NamedTuple):
    """A reference of a page."""

    target: str
    loads: bool


class Page(HTMLParser):
    """The references and the anchors of an HTML page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.anchors = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collects ids and targets."""
        values = {name: value for name, value in attrs if value}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.append(Link(values["href"], False))
        elif tag in LOADING and LOADING[tag] in values and values.get("rel") not in EXEMPT_RELATIONS:
            self.links.append(Link(values[LOADING[tag]], True))


def broken_links(site: Path) -> list[str]:
    """One line for each fault of a built site. 404.html is left out: its links are absolute by design."""
    files = [path for path in sorted(site.rglob("*.html")) if path.name != "404.html"]
    pages = {path: Page(path.read_text("utf-8")) for path in files}
    return [fault for path, page in pages.items() for fault in _faults(site, path, page, pages)]


def _faults(site: Path, path: Path, page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    where = path.relative_to(site)
    for link in page.links:
        parts = urlsplit(link.target)
        if parts.scheme == "data":
            continue
        if parts.scheme or parts.netloc:
            if link.loads:
                yield f"{where}: loads {link.target} from outside"
            continue
        base, anchor = urldefrag(link.target)
        target = (path.parent / unquote(base)).resolve() if base else path
        target = target / "index.html" if target.is_dir() else target
        if not target.is_file():
            yield f"{where}: no such file: {link.target}"
        elif target in pages and unquote(anchor) not in pages[target].anchors:
            yield f"{where}: no such anchor: {link.target}"
