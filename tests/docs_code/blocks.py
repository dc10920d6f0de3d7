"""Finds the code blocks of a Markdown page and says how each one is run.

A fenced block of a language in `EVALUATORS` is run; blocks of other languages (yaml, text, mermaid) are only shown.

- `<!-- run: slow -->` on the line above a block: it takes long, and runs only in the slow tests.
- `<!-- run: never, REASON -->` above a block: it cannot run in a test, for the reason given.
- An option `title="mine.yaml"` in the info string: the block is the content of that file and is written to the page's
  folder. This holds for every language, also for those that are only shown.

Both kinds of marking are invisible on a rendered page, or rendered as the title of the block.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sybil import Document, Region
from sybil.parsers.abstract.doctest import DocTestStringParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer
from sybil.typing import Evaluator

from tests.docs_code.evaluators import EVALUATORS, write_file

INFO = re.compile(r"[ \t]*\{?[ \t]*\.?(?P<language>[\w+-]*)(?P<options>[^\n]*)$\n", re.MULTILINE)
MARK = re.compile(r"<!--\s*run:(?P<mark>[^>]*)-->\s*\Z")
TITLE = re.compile(r"""\btitle=(["'])(?P<title>.+?)\1""")

ALWAYS, SLOW, NEVER = "always", "slow", "never"


class MarkError(ValueError):
    """The comment above a code block is not one of the marks described above."""


def read_page(path: Path) -> Document:
    """The page with one example per block to run, in the order of the page; `when` of a block is one of its lexemes."""
    return Document.parse(str(path), find_blocks)


def find_blocks(document: Document) -> Iterator[Region]:
    """The blocks that are run or written to a file, as a parser of Sybil."""
    for block in _outermost(RawFencedCodeBlockLexer(INFO)(document)):
        when = _when(document, block)
        evaluator = _evaluator(block)
        if evaluator is None or when == NEVER:
            continue
        block.parsed, block.evaluator = block.lexemes["source"], evaluator
        block.lexemes["when"] = when
        yield from _statements(document, block) if block.parsed.startswith(">>>") else [block]


def is_slow(document: Document) -> bool:
    """Whether a block of the page is marked slow."""
    return any(example.region.lexemes["when"] == SLOW for example in document.examples())


def _outermost(blocks: Iterable[Region]) -> Iterator[Region]:
    """Blocks inside another block are text: a page may show how a block is written."""
    end = -1
    for block in sorted(blocks, key=lambda block: (block.start, -block.end)):
        if block.start >= end:
            end = block.end
            yield block


def _evaluator(block: Region) -> Evaluator | None:
    title = TITLE.search(block.lexemes["options"])
    if title is not None:
        block.lexemes["title"] = title["title"]
        return write_file
    return EVALUATORS.get(block.lexemes["language"])


def _when(document: Document, block: Region) -> str:
    mark = MARK.search(document.text[: block.start])
    if mark is None:
        return ALWAYS
    when, _, reason = (part.strip() for part in mark["mark"].partition(","))
    if when == SLOW or (when == NEVER and reason):
        return when
    raise MarkError(
        f"{document.path}, {document.line_column(block.start)}: a code block is marked 'run: slow' or "
        f"'run: never, REASON', got 'run:{mark['mark']}'; correct the comment above the block"
    )


def _statements(document: Document, block: Region) -> Iterator[Region]:
    """One region per interactive statement, each of which is compared with the output below it."""
    for region in DocTestStringParser()(block.parsed, document.path):
        region.adjust(block, block.parsed)
        region.lexemes = block.lexemes
        yield region
