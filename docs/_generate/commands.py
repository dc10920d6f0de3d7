"""The command line reference, from the commands themselves."""

import re
from typing import Any

import typer.main
from typer.cli import get_docs_for_click
from typer.models import Context

from _generate.sources import app

PROGRAM = "edge-llm-gym"
_EXAMPLES = re.compile(rf"(?:^ +(?:\$ )?{PROGRAM} .*\n\n?)+", re.MULTILINE)


def command_reference() -> str:
    """Usage, arguments and options of every command, in Markdown."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=Context(command, info_name=PROGRAM), name=PROGRAM, title=PROGRAM)
    body = text.split("\n", 1)[1]  # the page has its own title
    body = re.sub(r"\[(?:bold|/)\]|\[/bold\]", "**", body)
    for name, summary in _summaries(command).items():  # in place of the truncated ones
        link = f"* [`{name}`](#{PROGRAM}-{name}): {summary}"
        body = re.sub(rf"^\* `{name}`: .*$", link, body, flags=re.MULTILINE)
    return _EXAMPLES.sub(_as_console, body)


def _summaries(group: Any) -> dict[str, str]:
    """Command -> first paragraph of its help."""
    return {name: " ".join(command.help.split("\n\n")[0].split()) for name, command in group.commands.items()}


def _as_console(match: re.Match[str]) -> str:
    """Lines of examples as one block of code."""
    lines = "\n".join(f"$ {line.strip()}" for line in match[0].splitlines() if line.strip())
    return f"```console\n{lines}\n```\n\n"
