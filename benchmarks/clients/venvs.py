"""Virtual environments of the clients: made by uv, and used again while what is installed in them stays the same."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.clients.clients import OWN, Client
from edge_llm_gym.files import write_text

ROOT: Final = Path(__file__).parents[2]
SHARED: Final = ("llvmlite", "numba", "numpy", "torch")
"""Packages with the versions of constraints.txt, so that clients share compiled kernels and files of uv's cache."""
STAMP: Final = "installed.json"
LAST_LINES: Final = 12
"""Lines of an installer's output that an error shows."""


class InstallError(RuntimeError):
    """The environment of a client cannot be made."""


def ensure_venv(name: str, client: Client, folder: Path) -> Path:
    """The interpreter of a client's environment, which is made unless it exists. Raises InstallError."""
    place = (folder / name / "venv").absolute()
    constraints = folder.absolute() / "constraints.txt"
    commands = install_commands(uv(), place, client, constraints)
    stamp, wanted = place / STAMP, json.dumps([commands, pins()], indent=1)
    if not (stamp.is_file() and stamp.read_text("utf-8") == wanted):
        remove_venv(name, folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_text(constraints, "".join(f"{pin}\n" for pin in pins()))
        for command in commands:
            _call(name, command)
        write_text(stamp, wanted)
    return place / "bin" / "python"


def remove_venv(name: str, folder: Path) -> None:
    """Removes the environment of a client, if there is one."""
    shutil.rmtree(folder / name / "venv", ignore_errors=True)


def install_commands(uv: str, place: Path, client: Client, constraints: Path) -> list[list[str]]:
    """The commands that make an environment and fill it."""
    pip = [uv, "pip", "install", "--quiet", "--python", str(place / "bin" / "python")]
    resolved, alone = [*pip, "--constraints", str(constraints)], [*pip, "--no-deps"]
    ours = ["--editable", f"{ROOT}[{client.extras}]" if client.extras else str(ROOT)]
    commands = [[uv, "venv", "--quiet", "--python", sys.executable, str(place)]]
    if client.excludes_ours:
        commands += [[*resolved, *client.packages, *OWN], [*alone, *ours]]
    else:
        commands += [[*resolved, *client.packages, *ours]]
    return [*commands, *([[*alone, *client.unresolved]] if client.unresolved else [])]


def pins() -> list[str]:
    """The lines of constraints.txt for the packages that clients share."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line.partition("==")[0].lower() in SHARED]


def uv() -> str:
    """Path of uv, beside the running interpreter or on the search path. Raises InstallError where it is missing."""
    found = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None:
        raise InstallError("uv makes the environments and is not installed: pip install 'edge-llm-gym[clients]'")
    return found


def _call(name: str, command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-LAST_LINES:])
        raise InstallError(f"the environment of client {name!r} cannot be made: {' '.join(command)}\n{said}")
