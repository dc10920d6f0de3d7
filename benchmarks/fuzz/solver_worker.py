"""Runs cases of the campaign "solvers": python -m benchmarks.fuzz.solver_worker SEED FIRST LAST

Prints a line before each case and one after it, so that the parent knows where it hung or crashed.
"""

import sys
import traceback

import numpy as np

from benchmarks.fuzz.solver_cases import assignment, network
from benchmarks.fuzz.solver_checks import check_assignment, check_network
from edge_llm_gym.messages import shortened

KINDS = {"batch": (assignment, check_assignment), "routing": (network, check_network)}
"""Kind -> how a problem is drawn, and how its solutions are checked."""


def outcome(seed: int, case: int) -> str:
    """What became of a case: "solved ...", "refused ..." or "FAULT ..."."""
    rng = np.random.default_rng([seed, case])
    kind = "routing" if case % 3 == 2 else "batch"
    draw, check = KINDS[kind]
    try:
        problem = draw(rng)
    except ValueError as error:
        text = str(error)
        named = text.split()[0].isidentifier() or text.startswith(("device", "node", "at least one device"))
        return f"refused: {kind}" if named else f"FAULT an unclear message: {text}"
    except Exception:
        return f"FAULT {_last_lines()}"
    try:
        check(problem, rng)
    except Exception:
        return f"FAULT {_last_lines()}"
    return f"solved: {kind}"


def _last_lines() -> str:
    return shortened(" | ".join(traceback.format_exc().splitlines()[-5:]))


def main() -> None:
    """Runs the cases FIRST to LAST - 1."""
    seed, first, last = (int(text) for text in sys.argv[1:4])
    for case in range(first, last):
        print(f"case {case}", flush=True)
        print(outcome(seed, case), flush=True)


if __name__ == "__main__":
    main()
