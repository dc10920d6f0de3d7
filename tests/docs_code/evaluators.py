"""Runs one code block: Python in the namespace of its page, shell commands in the page's folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

from sybil import Example
from sybil.evaluators.python import PythonEvaluator
from sybil.typing import Evaluator

CHECKOUT = Path(__file__).parents[2]
TIMEOUT_S = 900.0  # only stops a command that hangs
TAIL = 2000  # characters of output in the message of a failed command
CONSOLE_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)$", re.MULTILINE)


def run_shell(example: Example) -> None:
    """Runs a block as one script; the first failing command ends it.

    Raises:
        AssertionError: the script returned another code than 0 or ran longer than `TIMEOUT_S`.
    """
    _run(str(example.parsed), example)


def run_console(example: Example) -> None:
    """Runs the lines that begin with `$ `; the other lines show output and are not compared.

    Raises:
        AssertionError: no line begins with `$ `, a command returned another code than 0, or it hung.
    """
    commands = CONSOLE_COMMAND.findall(str(example.parsed))
    assert commands, f"{_place(example)}: a console block needs a line that begins with '$ ', got {example.parsed!r}"
    _run("\n".join(commands), example)


def write_file(example: Example) -> None:
    """Writes a block to the file named by its title, below the page's folder."""
    path = Path(example.region.lexemes["title"])
    inside = path.resolve().is_relative_to(Path.cwd())
    assert inside, f"{_place(example)}: a titled block is written below the page's folder, got title {str(path)!r}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(example.parsed), encoding="utf-8")


def _run(script: str, example: Example) -> None:
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(
        command, env=_environment(), capture_output=True, text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL
    )
    output = (done.stdout + done.stderr)[-TAIL:]
    assert done.returncode == 0, f"{_place(example)}: exit code {done.returncode} from\n{script}\n{output}"


def _environment() -> dict[str, str]:
    """The environment of the tests, in which `python` and `edge-llm-gym` are those of the running interpreter."""
    programs = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join((str(CHECKOUT), str(Path.cwd()))),
    }


def _place(example: Example) -> str:
    return f"{example.path}:{example.line}"


EVALUATORS: dict[str, Evaluator] = {
    "python": PythonEvaluator(),
    "py": PythonEvaluator(),
    "sh": run_shell,
    "bash": run_shell,
    "console": run_console,
}
