"""The certified gap: the value a decision serves against the exact optimum of the same epoch's problem."""

from typing import Any

import gymnasium

from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.scenario import Scenario, scenario_of
from edge_llm_gym.solvers import dftsp

TIME_LIMIT_S = 60.0


def require_gap(scenario: Scenario) -> None:
    """Raises ValueError for a scenario whose dynamics have no exact optimum per epoch."""
    if scenario.variant != "batching":
        raise ValueError(
            f"the exact optimum of an epoch is known for static batching (dynamics 'batching') alone, got scenario "
            f"{scenario.name!r} with dynamics {scenario.dynamics!r}, batching {scenario.batching!r}; leave the gap out"
        )


class EpochGap(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Adds info["gap"] to every `every`-th step of an environment of batching dynamics.

    `served_value` is the value that the decision serves, `optimum` the greatest value that any decision could have
    served of the visible requests in the same state, and `proved` whether the solver proved it (if not, `optimum` is an
    upper bound). One node is solved by DFTSP, several by a MILP (needs the extra "solvers"). The optimum is that of a
    single epoch: a policy that delays requests has a gap here and may still serve more over the episode. Both count
    value only, whatever the reward: a policy that saves energy has a gap on purpose.

    Raises ValueError for a scenario of other dynamics and for `every` below 1.
    """

    def __init__(self, env: gymnasium.Env, every: int = 1, time_limit_s: float = TIME_LIMIT_S) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1 epoch, got {every}; pass 1 to measure each epoch")
        require_gap(scenario_of(env))
        super().__init__(env)
        self._every = every
        self._time_limit_s = time_limit_s
        self._reader = BatchingReader(scenario_of(env))
        self._observation: Any = None
        self._epoch = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Resets the environment."""
        self._observation, info = self.env.reset(seed=seed, options=options)
        self._epoch = 0
        return self._observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Steps the environment, and measures the decision in every `every`-th epoch."""
        before, measured = self._observation, self._epoch % self._every == 0
        self._observation, reward, terminated, truncated, info = self.env.step(action)
        self._epoch += 1
        if measured:
            info["gap"] = self._measure(before, info["metrics"]["served_value"])
        return self._observation, reward, terminated, truncated, info

    def _measure(self, observation: Any, served_value: float) -> dict[str, float | bool]:
        optimum, proved = epoch_optimum(self._reader.read(observation).problem, self._time_limit_s)
        # The problem keeps a relative safety margin of 1e-6, so a decision may serve slightly more than its optimum.
        return {"served_value": served_value, "optimum": max(optimum, served_value), "proved": proved}


def epoch_optimum(problem: AssignmentProblem, time_limit_s: float = TIME_LIMIT_S) -> tuple[float, bool]:
    """The greatest value that one epoch can serve, or an upper bound on it, and whether it is proved to be attained."""
    if problem.node_count == 1:
        exact = dftsp.solve(problem.nodes[0], time_limit_s=time_limit_s)
        return exact.upper_bound, exact.optimal
    from edge_llm_gym.solvers import reference

    solution = reference.milp(problem, time_limit_s=time_limit_s)
    return solution.upper_bound, solution.optimal
