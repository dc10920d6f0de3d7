"""Runs a recipe in the interpreter of its client, and prints one line of JSON: versions, times, returns and curve.

python recipe.py recipes/sbx.py
python recipe.py recipes/sbx.py --control Pendulum-v1 --steps 2048

A recipe is plain code of a client. Its constants ID, SETTINGS (optional) and STEPS are the environment, its settings
and the steps of training; the function `act` that it may leave takes one observation and returns one action. With
`--control` the recipe runs on another environment, without SETTINGS and without the import of this package: what it
needs beyond that line is glue.

The curve has the return of every episode that ended while the client trained. For this, the registered id gets a
wrapper that writes to a file, so that neither recipe nor client has to be changed for it.

This file imports nothing of the package, since clients with other versions of Python's libraries run it.
"""

import argparse
import ast
import contextlib
import csv
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import distributions
from itertools import accumulate
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.envs.registration import WrapperSpec
from gymnasium.utils import RecordConstructorArgs

PACKAGE = "edge_llm_gym"
EPISODES = 10
"""Episodes of each return, seeded from FIRST_SEED on, which no recipe trains on."""
FIRST_SEED = 1_000_000
RECORDED = "episodes.csv"
"""File of the episodes of a training, in the working directory: length and return of each."""
MONITORS = "**/*.monitor.csv"
"""The same, as the Monitor of Stable-Baselines3 writes it, of clients that train in a process of their own."""
MODULE = "runner_of_recipes"
"""Name by which Gymnasium finds `Recorder`, also where a client runs a script in place of the module `__main__`."""
Constants = Mapping[str, Any]
Settings = Mapping[str, Any]


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _arguments(arguments)
    changes: dict[str, Any] = {} if options.steps is None else {"STEPS": options.steps}
    if options.control is not None:
        changes |= {"ID": options.control} | unset(options.recipe.read_text("utf-8"))
    result = run(options.recipe, changes, imports_package=options.control is None)
    print("\n" + json.dumps(result), flush=True)
    return 0


def run(path: Path, changes: Constants, imports_package: bool = True) -> dict[str, Any]:
    """Runs a recipe with changed constants: its returns against those of random actions, and seconds per step."""
    imports, body = parts(path.read_text("utf-8"), changes, imports_package)
    scope: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    _execute(imports, scope, path)
    environment, steps, settings = scope["ID"], scope.get("STEPS"), scope.get("SETTINGS", {})
    # Also compiles kernels, which is not to be measured as a part of the client.
    references = {"random": mean_return(environment, settings, None)} | untrained(environment, settings)
    begin_s, begin_cpu_s = time.perf_counter(), _cpu_s()
    # With a further wrapper, Gymnasium refuses to make native rows, which recipes that only check an id ask for.
    with contextlib.nullcontext() if steps is None else recorded(environment, Path(RECORDED).absolute()):
        _execute(body, scope, path)
    spent_s, spent_cpu_s = time.perf_counter() - begin_s, _cpu_s() - begin_cpu_s
    trained = {"trained": mean_return(environment, settings, scope["act"])} if "act" in scope else {}
    return {
        "environment": environment,
        "steps": steps,
        "checked": scope.get("CHECKED", ""),
        "wall_s": spent_s,
        "cpu_s": spent_cpu_s,
        "returns": {**references, **trained, **scope.get("RETURNS", {})},
        "curve": {} if steps is None else curve(Path()),
        "versions": versions(),
    }


def unset(source: str) -> dict[str, Any]:
    """The change of a recipe's settings to none, which are those of one environment; no change where it has none."""
    names = map(_constant, ast.parse(source).body)
    return {"SETTINGS": {}} if "SETTINGS" in names else {}


def parts(source: str, changes: Constants, imports_package: bool = True) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """A recipe in two: imports and constants (names in capitals), with changed values, and the rest.

    Raises ValueError for a change of a constant that the recipe does not have.
    """
    imports, body, left = [], [], dict(changes)
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports += [statement] if imports_package or not _is_package(statement) else []
        elif (name := _constant(statement)) is not None:
            imports.append(_assigned(statement, name, left.pop(name)) if name in left else statement)
        else:
            body.append(statement)
    if left:
        raise ValueError(f"the recipe has no constants {sorted(left)}; their names are in capitals, one in a line")
    return imports, body


class Recorder(gymnasium.Wrapper, RecordConstructorArgs):  # type: ignore[type-arg]
    """Adds a line with length and return to a file at the end of every episode; changes nothing else.

    Environments in processes that are forked write to the same file.
    """

    def __init__(self, env: Any, path: str) -> None:
        RecordConstructorArgs.__init__(self, path=path)
        gymnasium.Wrapper.__init__(self, env)
        self._path, self._length, self._return = path, 0, 0.0

    def reset(self, **options: Any) -> Any:
        """Begins an episode."""
        self._length, self._return = 0, 0.0
        return self.env.reset(**options)

    def step(self, action: Any) -> Any:
        """Writes a line after the last step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._length, self._return = self._length + 1, self._return + float(reward)
        if terminated or truncated:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(f"{self._length},{self._return}\n")
        return observation, reward, terminated, truncated, info


@contextlib.contextmanager
def recorded(environment: str, path: Path) -> Iterator[None]:
    """In this block, `gymnasium.make` wraps the environments of an id in `Recorder`, with an empty file at `path`."""
    path.unlink(missing_ok=True)
    sys.modules[MODULE] = sys.modules[__name__]
    spec = gymnasium.registry[environment.rpartition(":")[2]]
    before = spec.additional_wrappers
    spec.additional_wrappers = (*before, WrapperSpec("Recorder", f"{MODULE}:Recorder", {"path": str(path)}))
    try:
        yield
    finally:
        spec.additional_wrappers = before


def curve(folder: Path) -> dict[str, list[float]]:
    """The episodes in a folder in the order of their ends: steps of all episodes up to then, and return."""
    lines = _read(folder / RECORDED) or _monitored(folder)
    steps = accumulate(int(length) for length, _ in lines)
    return {"steps": list(steps), "returns": [round(float(value), 3) for _, value in lines]} if lines else {}


def mean_return(environment: str, settings: Settings, act: Callable[[Any], Any] | None) -> float:
    """Mean return over the episodes of the fixed seeds; of random actions where `act` is None."""
    env = gymnasium.make(environment, **settings)
    env.action_space.seed(0)
    choose = act or (lambda observation: env.action_space.sample())
    returns = [_episode(env, choose, FIRST_SEED + number) for number in range(EPISODES)]
    env.close()
    return sum(returns) / len(returns)


def untrained(environment: str, settings: Settings) -> dict[str, float]:
    """The return of actions that are all zero, near which networks begin; nothing where actions are no vectors."""
    import numpy as np

    space = gymnasium.make(environment, **settings).action_space
    if not isinstance(space, gymnasium.spaces.Box):
        return {}
    return {"zeros": mean_return(environment, settings, lambda observation: np.zeros(space.shape, space.dtype))}


def versions() -> dict[str, str]:
    """Name, as in commands of pip, -> version of Python and of all installed packages."""
    found = {each.metadata["Name"].lower().replace("_", "-"): each.version for each in distributions()}
    return {"python": platform.python_version(), **dict(sorted(found.items()))}


def _read(path: Path) -> list[list[str]]:
    """The rows of a CSV file; none without the file."""
    return list(csv.reader(path.read_text("utf-8").splitlines())) if path.is_file() else []


def _monitored(folder: Path) -> list[list[str]]:
    """Length and return of each episode in the files of Monitor: a line of JSON, then columns r, l and t."""
    rows = [row for path in folder.glob(MONITORS) for row in csv.DictReader(path.read_text("utf-8").splitlines()[1:])]
    return [[row["l"], row["r"]] for row in sorted(rows, key=lambda row: float(row["t"]))]


def _episode(env: Any, act: Callable[[Any], Any], seed: int) -> float:
    observation, _ = env.reset(seed=seed)
    total, ended = 0.0, False
    while not ended:
        observation, reward, terminated, truncated, _ = env.step(act(observation))
        total, ended = total + float(reward), terminated or truncated
    return total


def _is_package(statement: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(statement, ast.Import) and [name.name for name in statement.names] == [PACKAGE]


def _constant(statement: ast.stmt) -> str | None:
    """The name in capitals to which a statement assigns a literal."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper() and _is_literal(value):
            return name
    return None


def _is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except ValueError:
        return False
    return True


def _assigned(statement: ast.stmt, name: str, value: Any) -> ast.stmt:
    return ast.copy_location(ast.parse(f"{name} = {value!r}").body[0], statement)


def _execute(statements: Iterable[ast.stmt], scope: dict[str, Any], path: Path) -> None:
    tree = ast.fix_missing_locations(ast.Module(body=list(statements), type_ignores=[]))
    exec(compile(tree, str(path), "exec"), scope)


def _cpu_s() -> float:
    """CPU seconds of this process and of the children that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--control", metavar="ID", help="another environment, without importing this package")
    parser.add_argument("--steps", type=int, help="steps of training, in place of those of the recipe")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
