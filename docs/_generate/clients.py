"""Recipes of outside clients: the table of the last run, how to install a client, and the files of its recipes."""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from _generate.tables import code, markdown_table, script
from benchmarks.clients.clients import CLIENTS, Client
from benchmarks.clients.results import names_of
from benchmarks.clients.trials import RECIPES

RESULTS: Final = Path(__file__).parents[1] / "results" / "clients.json"
PACKAGE: Final = "edge-llm-gym"
HEAD: Final = (
    "client",
    "versions",
    "environment",
    "steps",
    "random",
    "all zeros",
    "trained",
    "CPU, wall [ms per step]",
    "unchanged on",
)
SHOWN_VERSIONS: Final = 2
"""So many of the client's own packages are shown, and Gymnasium."""


def client_table() -> str:
    """A row for each recipe of the last run."""
    entries: list[dict[str, Any]] = json.loads(RESULTS.read_text("utf-8"))
    return markdown_table(HEAD, (_row(entry) for entry in entries))


def client_section(name: str) -> str:
    """How to install a client, and its recipes."""
    client = CLIENTS[name]
    recipes = [script(f"benchmarks/clients/recipes/{recipe.name}.py") for recipe in client.recipes]
    return "\n\n".join([_install(client), *recipes])


def title(recipe: str) -> str:
    """The first line of a recipe."""
    text = ast.get_docstring(ast.parse((RECIPES / f"{recipe}.py").read_text("utf-8")))
    assert text is not None, f"{recipe} needs a docstring"
    return text.splitlines()[0].rstrip(".")


def settings(recipe: str) -> dict[str, Any]:
    """What a recipe passes to the environment besides the id: its constant SETTINGS."""
    for statement in ast.parse((RECIPES / f"{recipe}.py").read_text("utf-8")).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="SETTINGS")], value=value):
                found: dict[str, Any] = ast.literal_eval(value)
                return found
    return {}


def _install(client: Client) -> str:
    """Calls of pip with the versions that were tried."""
    ours = f"'{PACKAGE}[{client.extras}]'" if client.extras else PACKAGE
    pinned = [f"'{name}'" for name in client.packages]
    if client.excludes_ours:
        lines = [["pip install", *pinned, "numba pydantic pyyaml rich safetensors typer"]]
        lines += [["pip install --no-deps", PACKAGE]]
    else:
        lines = [["pip install", ours, *pinned]]
    lines += [["pip install --no-deps", *client.unresolved]] if client.unresolved else []
    return "```sh\n" + "\n".join(" ".join(line) for line in lines) + "\n```"


def _row(entry: Mapping[str, Any]) -> list[str]:
    if entry["fault"]:
        return [title(entry["recipe"]), "", "", "", "", "", f"failed: {entry['fault']}", "", ""]
    returns = entry["returns"]
    named = [f"{name} {value:.0f}" for name, value in returns.items() if name not in ("random", "zeros", "trained")]
    trained = [f"{returns['trained']:.0f}"] if "trained" in returns else [entry["checked"]]
    return [
        title(entry["recipe"]),
        _versions(entry),
        _environment(entry),
        f"{entry['steps']:,}" if entry["steps"] else "",
        _number(returns, "random"),
        _number(returns, "zeros"),
        ", ".join(part for part in [*trained, *named] if part),
        _times(entry),
        code(entry["control"] or ""),
    ]


def _environment(entry: Mapping[str, Any]) -> str:
    """Its short name and settings."""
    name = entry["environment"].rpartition("EdgeLLM/")[2].removesuffix("-v0")
    return ", ".join(map(code, [name, *(f"{key}={value}" for key, value in settings(entry["recipe"]).items())]))


def _versions(entry: Mapping[str, Any]) -> str:
    names = [entry["client"], *names_of(CLIENTS[entry["client"]])]
    own = [name for name in dict.fromkeys(names) if name in entry["versions"] and name != "gymnasium"]
    return ", ".join(f"{name} {entry['versions'][name]}" for name in [*own[:SHOWN_VERSIONS], "gymnasium"])


def _number(returns: Mapping[str, float], name: str) -> str:
    return f"{returns[name]:.0f}" if name in returns else ""


def _times(entry: Mapping[str, Any]) -> str:
    if not entry["steps"]:
        return ""
    return ", ".join(f"{1000 * entry[name] / entry['steps']:.1f}" for name in ("cpu_s", "wall_s"))
