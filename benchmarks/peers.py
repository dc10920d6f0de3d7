"""Speed of this package's environments beside CartPole-v1 and environments of other packages, in one run.

    python -m benchmarks.peers
    python -m benchmarks.peers --folder /tmp/peers --repetitions 5 --seconds 2

Every measurement is a new process, which plays episodes with random actions, drawn beforehand, with their resets.
Steps are counted per CPU second, since other work on the machine takes wall time. Environments take turns, so that slow
changes of the machine's speed affect all. Each peer is installed from PyPI into a virtual environment of its own below
`--folder` (default: a temporary one; what is installed there is used again). A peer that cannot be installed or run is
printed with the reason. The output is a Markdown table: median [least, greatest], and the ratio to CartPole-v1.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.compare_speed import spread

# `make` sets `step`, which plays one call and returns whether an episode ended, and `rows`, env-steps per call.
MEASURE = """
import itertools, json, sys, time
seconds, arguments = float(sys.argv[1]), sys.argv[2:]
{make}
def run(seconds):
    steps, begin_s, ended = 0, time.process_time(), False
    while time.process_time() - begin_s < seconds or not ended:
        ended = step()
        steps += 1
    return steps * rows / (time.process_time() - begin_s)
run(0.0)
print(json.dumps(run(seconds)))
"""

GYMNASIUM = """
import gymnasium, importlib
importlib.import_module(arguments[0])
rows = int(arguments[2])
if rows > 1:
    env = gymnasium.make_vec(arguments[1], num_envs=rows, vectorization_mode="vector_entry_point")
else:
    env = gymnasium.make(arguments[1])
env.reset(seed=0)
env.action_space.seed(0)
actions = itertools.cycle([env.action_space.sample() for _ in range(32)])
def step():
    _, _, terminated, truncated, _ = env.step(next(actions))
    ended = bool((terminated | truncated).any()) if rows > 1 else terminated or truncated
    if ended and rows == 1:
        env.reset()
    return ended
"""

CHOOCHOO = """
from gpu_choochoo import create_diverse_training_env
rows, env = 1, create_diverse_training_env(num_scenarios=4, seed=0)
env.reset(seed=0)
env.action_space.seed(0)
actions = itertools.cycle([env.action_space.sample() for _ in range(32)])
def step():
    _, _, terminated, truncated, _ = env.step(next(actions))
    if terminated or truncated:
        env.reset()
    return terminated or truncated
"""

JUMANJI = """
import jax, jumanji
from jumanji.wrappers import VmapAutoResetWrapper
env, rows = VmapAutoResetWrapper(jumanji.make(arguments[0])), int(arguments[1])
low, high = env.action_spec.minimum, env.action_spec.maximum + 1
keys = jax.random.split(jax.random.PRNGKey(0), rows + 32)
shape = (rows, *env.action_spec.shape)
actions = itertools.cycle([jax.random.randint(key, shape, low, high) for key in keys[rows:]])
state, _ = jax.jit(env.reset)(keys[:rows])
advance = jax.jit(env.step)
def step():
    global state
    state, timestep = advance(state, next(actions))
    return bool(timestep.last().any())
"""


class Entry(NamedTuple):
    """What is measured: a label, the package on PyPI (None: this one), code for MEASURE and its arguments."""

    label: str
    package: str | None
    make: str
    arguments: tuple[str, ...]


def _ours() -> Iterator[Entry]:
    for rows in (1, 256):
        for name in ("SingleNode", "MultiNode", "Continuous", "EarlyExit", "Joint"):
            label = f"{name}, {'single' if rows == 1 else f'{rows} native rows'}"
            yield Entry(label, None, GYMNASIUM, ("edge_llm_gym", f"EdgeLLM/{name}-v0", str(rows)))


REFERENCE = Entry("CartPole-v1", None, GYMNASIUM, ("gymnasium", "CartPole-v1", "1"))
PEERS = (
    Entry("mobile-env, small", "mobile-env", GYMNASIUM, ("mobile_env", "mobile-small-central-v0", "1")),
    Entry("mobile-env, large", "mobile-env", GYMNASIUM, ("mobile_env", "mobile-large-central-v0", "1")),
    Entry("gpu-choochoo", "gpu-choochoo", CHOOCHOO, ()),
    Entry("jumanji Snake-v1, single", "jumanji", JUMANJI, ("Snake-v1", "1")),
    Entry("jumanji Snake-v1, 256 rows", "jumanji", JUMANJI, ("Snake-v1", "256")),
)


class Failure(Exception):
    """A peer that cannot be installed or run; the text is the reason."""


def installed(package: str, folder: Path, limit_s: float) -> Path:
    """The interpreter of a virtual environment below ``folder`` with the ``package``; Failure if pip fails."""
    place = folder / package
    python = place / "bin" / "python"
    done = place / "installed"
    if not done.exists():
        _execute([sys.executable, "-m", "venv", str(place)], limit_s)
        _execute([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", package], limit_s)
        done.touch()
    return python


def _execute(command: list[str], limit_s: float, folder: Path | None = None, path: str = "") -> str:
    """Standard output of a command. Failure with the last line of its errors, or if it takes too long."""
    variables = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}
    variables |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, timeout=limit_s, env=variables, cwd=folder, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"not finished after {limit_s:g} s: {' '.join(command[1:4])}") from None
    if child.returncode:
        raise Failure((child.stderr.strip().splitlines() or ["no message"])[-1][:160])
    return child.stdout


def steps_per_s(entry: Entry, options: argparse.Namespace) -> float:
    """Env-steps per CPU second in a new process. Raises Failure."""
    python, path = Path(sys.executable), str(Path(__file__).parents[1])
    if entry.package is not None:
        python, path = installed(entry.package, options.folder, options.limit), ""
    script = MEASURE.replace("{make}", entry.make)
    command = [str(python), "-c", script, str(options.seconds), *entry.arguments]
    return float(json.loads(_execute(command, options.limit, options.folder, path).splitlines()[-1]))


def measured(entries: list[Entry], options: argparse.Namespace) -> dict[str, list[float] | str]:
    """Speeds by label, or the reason why there are none; the entries take turns."""
    found: dict[str, list[float] | str] = {entry.label: [] for entry in entries}
    for _ in range(options.repetitions):
        for entry in entries:
            speeds = found[entry.label]
            if isinstance(speeds, str):
                continue
            try:
                speeds.append(steps_per_s(entry, options))
            except Failure as failure:
                found[entry.label] = str(failure)
    return found


def table(found: dict[str, list[float] | str]) -> Iterator[str]:
    """Markdown lines."""
    yield "| environment | env-steps per CPU second | relative to CartPole-v1 |"
    yield "|---|---:|---:|"
    reference = found[REFERENCE.label]
    base = float("nan") if isinstance(reference, str) else statistics.median(reference)
    for label, speeds in found.items():
        if isinstance(speeds, str):
            yield f"| {label} | not measured: {speeds} | |"
        else:
            median, least, greatest = spread(speeds)
            yield f"| {label} | {median:,.0f} [{least:,.0f}, {greatest:,.0f}] | {median / base:.3g} |"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5, help="measurements of each environment (default: 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="least CPU seconds of a measurement (default: 2)")
    parser.add_argument("--folder", type=Path, help="folder of the virtual environments (default: a temporary one)")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds that a process may take (default: 900)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        options.folder = (options.folder or Path(temporary)).resolve()
        options.folder.mkdir(parents=True, exist_ok=True)
        print("\n".join(table(measured([REFERENCE, *_ours(), *PEERS], options))))


if __name__ == "__main__":
    main()
