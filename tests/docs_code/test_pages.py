"""The code blocks of README, of the other pages in the top folder and of the documentation do what they say."""

from pathlib import Path

import pytest

from tests.docs_code.blocks import is_slow, read_page
from tests.docs_code.evaluators import CHECKOUT
from tests.docs_code.running import run_page

PAGES = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")])
SLOW_PAGES = [path for path in PAGES if is_slow(read_page(path))]


def name_of(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def test_readme_and_documentation_are_found() -> None:
    assert CHECKOUT / "README.md" in PAGES
    assert any(path.parent.name == "docs" for path in PAGES)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_blocks_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_page(path, tmp_path, monkeypatch, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("path", SLOW_PAGES, ids=name_of)
def test_slow_blocks_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_page(path, tmp_path, monkeypatch, slow=True)
