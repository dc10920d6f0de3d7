"""The file of results, from which the documentation makes its table."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.clients.clients import CLIENTS, Client
from benchmarks.clients.trials import Trial
from edge_llm_gym.files import write_text
from edge_llm_gym.json_text import folded

ALWAYS: Final = ("edge-llm-gym", "gymnasium", "jax", "numpy", "python", "torch")
"""Versions that are kept besides those of the client's own packages."""


def keep(path: Path, trials: Iterable[Trial]) -> None:
    """Writes results, in the order of the clients; those of other recipes in the file stay."""
    kept = {entry["recipe"]: entry for entry in read(path)} | {trial.recipe: entry_of(trial) for trial in trials}
    order = [recipe.name for client in CLIENTS.values() for recipe in client.recipes]
    entries = [kept[name] for name in order if name in kept]
    write_text(path, folded(entries) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """The results in a file; none where there is no file."""
    entries: list[dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.is_file() else []
    return entries


def entry_of(trial: Trial) -> dict[str, Any]:
    """A result with the versions of interest."""
    entry, client = trial.as_dict(), CLIENTS[trial.client]
    found: Mapping[str, str] = entry.get("versions", {})
    entry["versions"] = {name: found[name] for name in [*names_of(client), *ALWAYS] if name in found}
    if client.repository is not None:
        entry["versions"] = {trial.client: client.repository.commit[:7]} | entry["versions"]
    return entry


def names_of(client: Client) -> list[str]:
    """Names of the distributions that are pinned for a client; first those that give the client its name."""
    pinned = [
        text.partition("==")[0].partition("[")[0] for text in (*client.unresolved, *client.packages) if "==" in text
    ]
    return [name.lower() for name in pinned]
