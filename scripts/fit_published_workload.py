"""Measures a trace, fits arrivals and lengths to it, and writes the file that `workload.published` reads.

python scripts/fit_published_workload.py azure-conv-2023 AzureLLMInferenceTrace_conv.csv
"""

import argparse
import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from edge_llm_gym.command import run_cli
from edge_llm_gym.files import writable_folder, write_text
from edge_llm_gym.interrupts import exit_status
from edge_llm_gym.workload import statistics
from edge_llm_gym.workload.arrivals import ModulatedPoisson, Modulation
from edge_llm_gym.workload.trace_reading import read_trace
from edge_llm_gym.workload.traces import Trace, describe

WINDOWS_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
FITTED_FROM_S = 0.5
"""Shorter windows are measured but not fitted: their modulations would need thousands of rate changes per episode."""
BODY = np.arange(0.05, 0.951, 0.025).round(3)
TAIL = (0.96, 0.97, 0.98, 0.985, 0.99, 0.9925, 0.995, 0.9975, 0.9985, 0.999, 0.9995, 0.9998, 1)
PROBABILITIES = (0, 0.001, 0.01, 0.02, *BODY, *TAIL)
SIMULATED_TRACES = 40
HEADER = "# Statistics of the trace named as source, and models fitted to them: scripts/fit_published_workload.py\n"
OUTPUT = Path(__file__).parents[1] / "edge_llm_gym" / "workload" / "published"


@dataclass(frozen=True)
class Recipe:
    """How to fit one trace."""

    source: str
    start_timescales_s: tuple[float, ...]
    silent: bool
    """Whether the rate can be zero for some time"""


def _azure(file: str) -> str:
    return f"https://github.com/Azure/AzurePublicDataset, data/{file}, commit b469a113"


RECIPES = {
    "azure-conv-2023": Recipe(_azure("AzureLLMInferenceTrace_conv.csv"), (2.0, 300.0), silent=False),
    "azure-code-2023": Recipe(_azure("AzureLLMInferenceTrace_code.csv"), (2.0, 30.0), silent=True),
}


def fit_dispersion(trace: Trace, timescales_s: Sequence[float]) -> ModulatedPoisson:
    """Least-squares fit, in logarithms, of the expected dispersion in a trace of this length to the measured one."""
    from scipy.optimize import least_squares

    windows_s = [window_s for window_s in WINDOWS_S if window_s >= FITTED_FROM_S]
    measured = [statistics.dispersion(trace.arrival_s, window_s, trace.span_s) for window_s in windows_s]

    def process(logs: np.ndarray) -> ModulatedPoisson:
        pairs = np.exp(logs).reshape(2, -1).T
        return ModulatedPoisson(trace.rate_per_s, tuple(Modulation(float(t), float(v)) for t, v in pairs))

    def residuals(logs: np.ndarray) -> np.ndarray:
        expected = [process(logs).sample_dispersion(window_s, trace.span_s) for window_s in windows_s]
        return np.log(expected) - np.log(measured)

    start = np.log([*timescales_s, *[0.1] * len(timescales_s)])
    return process(least_squares(residuals, start).x)


def fit_silences(trace: Trace, process: ModulatedPoisson) -> ModulatedPoisson:
    """The process with the silences on a grid that best match the gaps' CV and the share of empty 2 s windows."""
    target = gap_statistics(trace.arrival_s, trace.span_s)
    candidates = [with_silences(process, shares) for shares in itertools.product(np.linspace(0, 1, 11), repeat=2)]
    return min(candidates, key=lambda each: np.square(simulated_gap_statistics(each, trace.span_s) - target).sum())


def with_silences(process: ModulatedPoisson, shares: Sequence[float]) -> ModulatedPoisson:
    """The process with each silence at a share of the largest that its variance allows, rounded down to 1 %."""
    limits = (each.variance / (1 + each.variance) for each in process.modulations)
    silences = [int(100 * share * limit) / 100 for share, limit in zip(shares, limits, strict=True)]
    pairs = zip(process.modulations, silences, strict=True)
    return replace(process, modulations=tuple(replace(each, silence=silence) for each, silence in pairs))


def gap_statistics(arrival_s: np.ndarray, span_s: float) -> np.ndarray:
    """Statistics that the dispersion does not determine: log CV of the gaps, and the share of empty 2 s windows."""
    empty = np.mean(statistics.window_counts(arrival_s, 2.0, span_s) == 0)
    return np.array([np.log(statistics.interarrival_cv(arrival_s)), empty])


def simulated_gap_statistics(process: ModulatedPoisson, span_s: float) -> np.ndarray:
    """Medians of `gap_statistics` over simulated traces, with common random numbers for all processes."""
    rng = np.random.default_rng(0)
    return np.median([gap_statistics(process.draw(rng, span_s), span_s) for _ in range(SIMULATED_TRACES)], axis=0)


def rounded(value: float, digits: int) -> float:
    """The value rounded to a number of significant digits; whole numbers as int, for readable files."""
    value = float(f"{value:.{digits}g}")
    return int(value) if value.is_integer() else value


def measure(trace: Trace) -> dict[str, Any]:
    """The measured part of the file: statistics, dispersion by window, quantiles of the lengths."""
    numbers = {name: rounded(value, 6) for name, value in describe(trace).items() if "dispersion" not in name}
    dispersions = {w: rounded(statistics.dispersion(trace.arrival_s, w, trace.span_s), 4) for w in WINDOWS_S}
    return {
        "measured": numbers,
        "dispersion": dispersions,
        "quantiles": {
            "probabilities": [rounded(p, 4) for p in PROBABILITIES],
            "prompt_quantiles": [rounded(q, 5) for q in np.quantile(trace.prompt_tokens, PROBABILITIES)],
            "output_quantiles": [rounded(q, 5) for q in np.quantile(trace.output_tokens, PROBABILITIES)],
        },
    }


def fit(trace: Trace, recipe: Recipe) -> ModulatedPoisson:
    """The arrival process fitted to a trace."""
    process = fit_dispersion(trace, recipe.start_timescales_s)
    return fit_silences(trace, process) if recipe.silent else process


def table(trace: Trace, recipe: Recipe) -> dict[str, Any]:
    """The contents of the file."""
    return {
        "source": recipe.source,
        "licence": "CC-BY-4.0",
        "citation": "Patel et al., Splitwise: Efficient Generative LLM Inference Using Phase Splitting, ISCA 2024",
        **measure(trace),
        "modulations": [
            {name: rounded(value, 3) for name, value in vars(each).items()} for each in fit(trace, recipe).modulations
        ],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("trace", type=Path, help="trace file, from the source named in the file")
    parser.add_argument("--output", type=Path, help="folder to write NAME.yaml to (default: the package's own)")
    options = parser.parse_args(arguments)
    return run_cli(lambda: _write(options))


def _write(options: argparse.Namespace) -> None:
    """Writes the file and prints its path."""
    folder = writable_folder(options.output or OUTPUT)
    text = yaml.safe_dump(
        table(read_trace(options.trace), RECIPES[options.name]), sort_keys=False, default_flow_style=None, width=120
    )
    path = folder / f"{options.name}.yaml"
    write_text(path, HEADER + text)
    print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
