"""Markdown tables, and the texts that stand beside the names that the package gives."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

TEXTS = Path(__file__).parent / "text"


class MissingText(ValueError):
    """A name of the package has no text, or a text belongs to no name."""


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; cells are written as they are."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def code(text: Any) -> str:
    """Inline code, or nothing for an empty text."""
    return f"`{text}`" if str(text) else ""


def sentence(text: str) -> str:
    """A description as a sentence: one that begins with a word in lower case gets a capital letter, and a full stop."""
    first = text.split(" ", 1)[0]
    capital = text[:1].upper() + text[1:] if first.replace(",", "").replace("-", "").isalpha() else text
    return capital.rstrip(".") + "."


def texts(file: str, section: str) -> dict[str, Any]:
    """A section of a text file: name -> text, or mapping of texts."""
    loaded: dict[str, dict[str, Any]] = yaml.safe_load((TEXTS / file).read_text("utf-8"))
    return loaded[section]


def shared_text(name: str) -> str:
    """A text that stands on several pages."""
    return (TEXTS / f"{name}.md").read_text("utf-8").strip()


def script(path: str) -> str:
    """A Python file of the checkout as a block of code. Raises FileNotFoundError if there is none."""
    return _block("python", path)


def yaml_file(path: str) -> str:
    """A YAML file of the checkout as a block of code. Raises FileNotFoundError if there is none."""
    return _block("yaml", path)


def require_texts(what: str, names: Collection[str], known: Collection[str], complete: bool = True) -> None:
    """Raises MissingText unless every name has a text, and (if `complete`) every text a name."""
    if missing := [name for name in names if name not in known]:
        raise MissingText(f"{what}: no text in docs/_generate/text for {missing}; add one for each")
    if complete and (left := [name for name in known if name not in names]):
        raise MissingText(f"{what}: docs/_generate/text describes {left}, which the package does not have; remove them")


def _block(language: str, path: str) -> str:
    return f"```{language}\n{(TEXTS.parents[2] / path).read_text('utf-8').rstrip()}\n```"


def _cell(value: Any) -> str:
    return str(value).replace("\n", " ").replace("|", "\\|")
