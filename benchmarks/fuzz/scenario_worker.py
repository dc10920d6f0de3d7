"""Tries mutated scenarios, one after the other, and reports each as a line of JSON on the standard output.

A case is announced before it is tried, so that the parent process knows which one a crash belongs to.
"""

import json
import sys
import tempfile
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.fuzz.mutations import Data, mutated
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.scenario import Scenario, ScenarioError, load_scenario
from edge_llm_gym.scenario.size_rules import channel_bytes, expected_requests
from edge_llm_gym.workload import TraceError

ROWS: Final = 2
EPOCHS: Final = 4
MAX_REQUESTS: Final = 3e4
"""Requests of an episode that are worth the time of a case; larger scenarios are only constructed."""
MAX_BYTES: Final = 1e8
LONGEST_MESSAGE: Final = 30_000


class Fault(Exception):
    """A scenario that was taken and does not work as documented."""


def main() -> None:
    """Plays the scenarios that are named, each with a sigma, then the cases first, first + step, ... below stop."""
    warnings.simplefilter("error")
    seed, first, stop, step = (int(text) for text in sys.argv[1:5])
    for variant in sys.argv[5:]:
        name, sigma = variant.split()
        play(load_scenario(name, {"horizon_epochs": 5, "lengths.prediction.sigma": float(sigma)}), 0)
    for case in range(first, stop, step):
        _report(case=case, event="begin")
        _report(case=case, event="end", **attempt(seed, case))


def attempt(seed: int, case: int) -> dict[str, str]:
    """The outcome of a case, and the fault if it is one."""
    note, source = mutated(seed, case)
    try:
        return {"outcome": outcome_of(source, case)}
    except Exception:
        return {"outcome": "fault", "fault": f"{note}\n{traceback.format_exc(limit=-6)[-3000:]}"}


def outcome_of(source: Data | bytes, case: int) -> str:
    """Refused, too large to be stepped, or stepped. Raises whatever is a fault."""
    try:
        scenario = _loaded(source)
    except ScenarioError as error:
        if len(str(error)) > LONGEST_MESSAGE:
            raise Fault(f"a message of {len(str(error))} characters") from error
        return "refused by ScenarioError"
    requests = expected_requests(scenario, scenario.arrivals.highest_rate_per_s or 10.0)
    if requests > MAX_REQUESTS or channel_bytes(scenario) > MAX_BYTES:
        return "valid, too large to be stepped here"
    try:
        play(scenario, case)
    except (FileNotFoundError, TraceError):
        return "refused, since its trace cannot be read"
    return "stepped"


def _loaded(source: Data | bytes) -> Scenario:
    if not isinstance(source, bytes):
        return load_scenario(source)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scenario.yaml"
        path.write_bytes(source)
        return load_scenario(path)


def play(scenario: Scenario, seed: int) -> None:
    """Resets and steps native rows with random actions. Raises Fault for what is not finite or outside its space."""
    envs = EdgeLLMVectorEnv(ROWS, scenario)
    envs.action_space.seed(seed)
    observation, info = envs.reset(seed=seed)
    for epoch in range(EPOCHS + 1):
        _check(envs, observation, info)
        action = envs.action_space.sample()
        if epoch == 1:
            action = {key: np.zeros_like(value) for key, value in action.items()}
        observation, reward, _, _, info = envs.step(action)
        if not np.isfinite(reward).all():
            raise Fault(f"reward {reward}")
    if not envs.simulator.conserves():
        raise Fault("requests are not accounted for once each")


def _check(envs: EdgeLLMVectorEnv, observation: Mapping[str, Any], info: Mapping[str, Any]) -> None:
    for key, value in observation.items():
        if not envs.observation_space[key].contains(value):
            raise Fault(
                f"observation {key} from {np.min(value)} to {np.max(value)}, outside {envs.observation_space[key]}"
            )
    _check_finite(info, "info")


def _check_finite(value: Any, where: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_finite(item, f"{where}.{key}")
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all():
        raise Fault(f"{where} is not finite: {value}")


def _report(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)


if __name__ == "__main__":
    main()
