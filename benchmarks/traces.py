"""CPU time and memory of reading and describing trace files, with those of an earlier commit in the same run.

`python -m benchmarks.traces --rows 1000000 --before COMMIT` writes a CSV, an Azure CSV, the same packed by gzip, and
JSON lines with hash ids into a temporary folder. Each file is read in a process of its own, which measures itself. The
earlier code is taken from git; it is shown as failed for files that it cannot read.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.reports import Row, save

REPOSITORY = Path(__file__).parents[1]
RATE_PER_S = 5.0

MEASUREMENT = """
import json, sys, time
from edge_llm_gym.workload import describe, read_trace

def peak():
    # Not getrusage: its maximum is inherited from the parent process.
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

def timed(action):
    started = time.process_time()
    result = action()
    return result, time.process_time() - started

before = peak()
trace, read_s = timed(lambda: read_trace(sys.argv[1]))
read_peak = peak() - before
_, again_s = timed(lambda: read_trace(sys.argv[1]))
_, describe_s = timed(lambda: describe(trace))
held = sum(array.nbytes for array in (trace.arrival_s, trace.prompt_tokens, trace.output_tokens))
print(json.dumps({"read_s": read_s, "again_s": again_s, "describe_s": describe_s, "requests": trace.requests,
                  "read_peak_bytes": read_peak, "peak_bytes": peak() - before, "held_bytes": held}))
"""


def own_lines(time_s: np.ndarray, prompt: np.ndarray, output: np.ndarray) -> Iterable[str]:
    yield "arrival_s,prompt_tokens,output_tokens\n"
    yield from (f"{each[0]:.6f},{each[1]},{each[2]}\n" for each in zip(time_s, prompt, output, strict=True))


def azure_lines(time_s: np.ndarray, prompt: np.ndarray, output: np.ndarray) -> Iterable[str]:
    yield "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    since_start = (time_s * 1e7).astype(np.int64) * np.timedelta64(100, "ns")
    texts = np.datetime_as_string(np.datetime64("2024-05-10T00:00:00", "ns") + since_start)
    for text, *tokens in zip(texts, prompt, output, strict=True):
        yield f"{text[:10]} {text[11:27]},{tokens[0]},{tokens[1]}\n"


def mooncake_lines(time_s: np.ndarray, prompt: np.ndarray, output: np.ndarray) -> Iterable[str]:
    for arrival_s, prompt_tokens, output_tokens in zip(time_s, prompt, output, strict=True):
        record = {
            "timestamp": int(1e3 * arrival_s),
            "input_length": int(prompt_tokens),
            "output_length": int(output_tokens),
            "hash_ids": list(range(prompt_tokens // 512 + 1)),
        }
        yield json.dumps(record) + "\n"


FILES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], Iterable[str]]] = {
    "own.csv": own_lines,
    "azure.csv": azure_lines,
    "mooncake.jsonl": mooncake_lines,
}


def write_files(folder: Path, rows: int) -> list[Path]:
    """Random traces of one rate, one in each format, and a packed one."""
    rng = np.random.default_rng(0)
    arrival_s = np.cumsum(rng.exponential(1 / RATE_PER_S, rows))
    columns = arrival_s, rng.integers(1, 4000, rows), rng.integers(1, 800, rows)
    paths = []
    for name, lines in FILES.items():
        paths.append(folder / name)
        with paths[-1].open("w", encoding="utf-8") as file:
            file.writelines(lines(*columns))
    packed = folder / "azure.csv.gz"
    packed.write_bytes(gzip.compress((folder / "azure.csv").read_bytes(), compresslevel=1))
    return [*paths, packed]


def extract(commit: str, folder: Path) -> Path:
    """The package as it was in a commit."""
    archive = folder / "before.tar"
    subprocess.run(["git", "archive", "-o", archive, commit, "edge_llm_gym"], cwd=REPOSITORY, check=True)
    with tarfile.open(archive) as file:
        file.extractall(folder / "before", filter="data")
    return folder / "before"


def measured(package: Path, path: Path) -> Row | None:
    """Figures of one process that reads and describes the file; None if it fails."""
    command = [sys.executable, "-c", MEASUREMENT, str(path)]
    environment = os.environ | {"PYTHONPATH": str(package)}
    done = subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def row_of(code: str, path: Path, figures: Row | None) -> list[str]:
    if figures is None:
        return [code, path.name, "failed", *[""] * 5]
    requests = figures["requests"]
    seconds = [f"{figures[key]:.2f}" for key in ("read_s", "again_s", "describe_s")]
    size = [f"{figures[key] / requests:.0f}" for key in ("held_bytes", "read_peak_bytes", "peak_bytes")]
    return [code, path.name, *seconds, *size]


COLUMNS = (
    "code",
    "file",
    "read [s]",
    "read again [s]",
    "describe [s]",
    "held [B/row]",
    "peak while reading [B/row]",
    "peak in all [B/row]",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--before", metavar="COMMIT", help="commit to compare with; by default none")
    parser.add_argument("--out", type=Path, default=Path("runs/traces"))
    options = parser.parse_args()
    table = Table(*COLUMNS, title=f"{options.rows} rows, CPU seconds")
    report: Row = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packages = {"now": REPOSITORY}
        if options.before:
            packages = {options.before: extract(options.before, folder), **packages}
        for path in write_files(folder, options.rows):
            for code, package in packages.items():
                figures = measured(package, path)
                report[f"{code}/{path.name}"] = figures
                table.add_row(*row_of(code, path, figures))
    Console(width=140).print(table)
    save(report, options.out, f"traces-{options.rows}")


if __name__ == "__main__":
    main()
