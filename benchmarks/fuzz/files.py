"""Mutated files of users: every one is read, or refused with the documented error that names its path.

Wrong types of exceptions, long messages, more than 2 s of computation, more than MEMORY_BYTES beyond the memory at the
start, and executed pickles are faults.
"""

import resource
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch as th
import yaml

from benchmarks.fuzz.file_mutations import CANARY, MUTATIONS, archive_of
from benchmarks.fuzz.tally import Options, Tally
from edge_llm_gym.codecs import make_codec
from edge_llm_gym.linear import is_linear, load_linear, make_linear
from edge_llm_gym.models.exits import exit_profile, parametric_profile, save_profile
from edge_llm_gym.models.hardware_profiles import hardware_profile, save_hardware_profile
from edge_llm_gym.models.timings import Timing, read_timings, write_timings
from edge_llm_gym.sb3.description import PolicyDescription
from edge_llm_gym.sb3.loading import WEIGHTS, load_weights, new_network
from edge_llm_gym.scenario import ScenarioError, load_scenario
from edge_llm_gym.settings import ConfigError
from edge_llm_gym.workload import TraceError
from edge_llm_gym.workload.trace_reading import read_trace

MEMORY_BYTES: Final = 3 << 30
LONGEST_S: Final = 2.0
LONGEST_MESSAGE: Final = 2500
STREAMING: Final = "early-exit"


@dataclass(frozen=True)
class Kind:
    """A kind of file: how it is read, what a damaged one raises, and how one is written."""

    name: str
    mutation: str
    suffix: str
    error: type[Exception]
    read: Callable[[Path], Any]
    write: Callable[[Path], None]


def kinds() -> list[Kind]:
    """Every kind of file of users, but for the checkpoints of training runs and scenarios."""
    scenario = load_scenario("multi-node")
    return [
        Kind("exit profile", "archive", ".npz", ValueError, exit_profile, _write_profile),
        Kind("linear policy", "archive", ".zip", ConfigError, _linear_reader(scenario), make_linear(scenario).save),
        _network_kind(),
        Kind("hardware profile", "text", ".yaml", ConfigError, hardware_profile, _write_hardware_profile),
        Kind("row of a catalogue", "text", ".yaml", ScenarioError, _read_row, _write_row),
        Kind("trace, CSV", "text", ".csv", TraceError, read_trace, _write_csv),
        Kind("trace, JSON lines", "text", ".jsonl", TraceError, read_trace, _write_json_lines),
        Kind("timings", "text", ".csv", ValueError, read_timings, _write_timings),
    ]


def _write_profile(path: Path) -> None:
    save_profile(parametric_profile(30, exits=3), path)


def _linear_reader(scenario: Any) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        if not is_linear(path):
            raise ConfigError(f"{path} is none")  # what loading it as a network says is another kind of file
        return load_linear(path, scenario)

    return read


def _network_kind() -> Kind:
    description = PolicyDescription.model_validate(
        {"environment": {"id": "EdgeLLM/EarlyExit-v0"}, "codec": {"name": "box"}, "policy": {"width": 4}}
    )
    scenario = load_scenario(STREAMING)
    network = new_network(description, scenario, make_codec("box", scenario))

    def write(path: Path) -> None:
        th.save(network.state_dict(), path)
        weights = path.read_bytes()
        path.write_bytes(archive_of({"data": b"{}", WEIGHTS: weights, "system_info.txt": b"none"}))

    return Kind("network", "archive", ".zip", ConfigError, lambda path: load_weights(network, path, scenario), write)


def _write_hardware_profile(path: Path) -> None:
    save_hardware_profile(hardware_profile("nvidia-h100-sxm"), path)
    rows = yaml.safe_load(path.read_text("utf-8"))
    path.write_text(yaml.safe_dump(rows, sort_keys=False))


def _read_row(path: Path) -> Any:
    return load_scenario("single-node", {"nodes.0.hardware": str(path)})


def _write_row(path: Path) -> None:
    path.write_text(
        "name: own\nsource: own measurement\npeak_flops: 1.0e+13\nmemory_bytes: 2.0e+10\n"
        "memory_bandwidth_bytes_per_s: 2.0e+11\nidle_w: 10.0\nbusy_w: 60.0\n"
    )


def _write_csv(path: Path) -> None:
    rows = [f"2023-11-16 18:17:{second:02d}.9799600,{100 + second},{10 + second}" for second in range(40)]
    path.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]) + "\n")


def _write_json_lines(path: Path) -> None:
    row = '{{"timestamp": {}, "input_length": {}, "output_length": {}, "hash_ids": [1, 2]}}'
    path.write_text("\n".join(row.format(1000 * index, 100 + index, 10 + index) for index in range(40)) + "\n")


def _write_timings(path: Path) -> None:
    write_timings(path, [Timing("own", "Llama-3-8B", 16.0, "decode", size, 100, 0.01 * size) for size in range(1, 30)])


def run(options: Options) -> Tally:
    """Mutated files of every kind in turn."""
    tally, chosen = Tally(), kinds()
    CANARY.unlink(missing_ok=True)
    for kind in chosen:
        kind.write(_path(options.folder, kind, "valid"))
        kind.read(_path(options.folder, kind, "valid"))
    with warnings.catch_warnings(), limited_memory():
        warnings.simplefilter("error")
        for case in range(options.count):
            kind = chosen[case % len(chosen)]
            outcome = attempt(kind, options.folder, np.random.default_rng((options.seed, case)))
            tally.outcomes[f"{kind.name}: {outcome}"] += 1
            if outcome not in ("read", kind.error.__name__):
                tally.faults.append(f"case {case}, {kind.name}: {outcome}")
    if CANARY.exists():
        tally.faults.append(f"a pickle was executed: there is {CANARY}")
    return tally


def _path(folder: Path, kind: Kind, name: str) -> Path:
    return folder / f"{kind.name.replace(' ', '-').replace(',', '')}-{name}{kind.suffix}"


@contextmanager
def limited_memory() -> Iterator[None]:
    """The process can allocate MEMORY_BYTES more than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def attempt(kind: Kind, folder: Path, rng: np.random.Generator) -> str:
    """What became of a mutated file: "read", or the name of its error, if all is well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of zipfile, about repeated names
        content = MUTATIONS[kind.mutation](rng, _path(folder, kind, "valid").read_bytes())
    path = _path(folder, kind, "mutated")
    path.write_bytes(content)
    begun_s = time.process_time()
    outcome = _read(kind, path)
    spent_s = time.process_time() - begun_s
    return outcome if spent_s <= LONGEST_S else f"{outcome} after {spent_s:.0f} s"


def _read(kind: Kind, path: Path) -> str:
    try:
        kind.read(path)
    except Exception as error:
        text = str(error)
        if type(error) is not kind.error:
            return f"{type(error).__name__} instead of {kind.error.__name__}: {text[:200]}"
        if path.name not in text:
            return f"message without the path: {text[:200]}"
        return kind.error.__name__ if len(text) <= LONGEST_MESSAGE else f"message of {len(text)} characters"
    return "read"
