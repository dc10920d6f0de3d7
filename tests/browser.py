"""HTML pages in a headless browser, and parsed without one."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
VOID = {"meta", "img", "input", "br", "hr", "link"}
ADDRESSES = ("src", "href", "action", "data", "srcset", "poster", "xlink:href")


class Page(HTMLParser):
    """The elements of a page: tag, attributes, text within. Refuses elements that are closed in a wrong order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict, list[str]]] = []
        self._open: list[tuple[str, dict, list[str]]] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        element = (tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        for _, _, texts in self._open:
            texts.append(data)

    def all(self, tag: str) -> list[dict]:
        """Attributes of the elements with a tag."""
        return [attributes for name, attributes, _ in self.elements if name == tag]

    def texts(self, tag: str) -> list[str]:
        """Texts of the elements with a tag."""
        return ["".join(texts) for name, _, texts in self.elements if name == tag]


def require_self_contained(text: str) -> None:
    """Every address in the page is data within it, and its policy admits nothing else."""
    page = Page(text)
    addresses = [attributes[name] for _, attributes, _ in page.elements for name in ADDRESSES if name in attributes]
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert not re.search(r"@import|url\(", "".join(page.texts("style")))
    (policy,) = (meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")


def shown(text: str, folder: Path, script: str = "", address: str = "") -> Page:
    """The page after a browser ran its scripts, and then `script` where one is given; skips where there is no browser.

    The page's policy stays in force unless `script` is given, which it would refuse.
    """
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        pytest.skip(f"needs a browser: one of {', '.join(NAMES)}")
    if script:
        text = re.sub(r"<meta http-equiv[^>]*>", "", text).replace("</body>", f"<script>{script}</script></body>")
    path = folder / "page.html"
    path.write_text(text, "utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]
    command = [browser, *options, f"--user-data-dir={folder / 'browser'}", f"file://{path}{address}"]
    return Page(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)
