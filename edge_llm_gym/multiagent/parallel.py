"""PettingZoo's ParallelEnv over the single environment."""

from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.env import EdgeLLMEnv
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.multiagent.actions import action_space, joined_action
from edge_llm_gym.multiagent.agents import agents_of
from edge_llm_gym.multiagent.observations import OBSERVATIONS, Observation
from edge_llm_gym.multiagent.rewards import REWARDS
from edge_llm_gym.names import known_name
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.loading import ScenarioError

API_TEST_OPTION = "options"
"""Reset option that PettingZoo's `parallel_api_test` passes; it has no effect."""
ByAgent = dict[str, Any]


def parallel_env(
    environment: str = "EdgeLLM/MultiNode-v0",
    *,
    observations: str = "local",
    rewards: str = "shared",
    **settings: Any,
) -> "EdgeLLMParallelEnv":
    """The multi-agent view of an environment.

    Args:
        environment: a registered id of this package, such as "EdgeLLM/Joint-v0".
        observations: "local", what the agent could know, or "global" (`edge_llm_gym.multiagent.observations`).
        rewards: "shared", that of the environment for all, or "local" (`edge_llm_gym.multiagent.rewards`).
        **settings: arguments of `gymnasium.make`: `scenario`, `overrides`, `render_mode`, `reward`, `features`.

    Raises ValueError for an unknown kind of observations or rewards and for `features` with local observations,
    TypeError for an id whose environment is no `EdgeLLMEnv`, and what `gymnasium.make` raises.
    """
    env = gymnasium.make(environment, disable_env_checker=True, **settings).unwrapped
    if not isinstance(env, EdgeLLMEnv):
        raise TypeError(
            f"the agents share an environment with dictionary actions, got {environment!r}, which is a "
            f"{type(env).__name__}; pass an id such as 'EdgeLLM/MultiNode-v0'"
        )
    return EdgeLLMParallelEnv(env, observations, rewards)


class EdgeLLMParallelEnv(ParallelEnv):  # type: ignore[misc] # PettingZoo has no types
    """All agents act at once, one epoch per step.

    Agents are the nodes, and in streaming dynamics the devices too (`edge_llm_gym.multiagent.agents`). Their actions
    are joined to one action of the single environment (`edge_llm_gym.multiagent.actions`), whose physics, seeds and
    tapes are unchanged. All agents live until the horizon, where all are truncated; none ever terminates.

    Args:
        env: the single environment, without wrappers; reset and step it only through this object.
        observations: "local" or "global".
        rewards: "shared" or "local".

    Attributes:
        possible_agents: names of all agents, nodes first.
        agents: names of the agents of the running episode; empty before the first reset and after the last step.
        roles: the `Agent` of each name, in the order of `possible_agents`.
        env: the single environment.
        state_space: space of `state()`, a Box.

    Raises ValueError for an unknown kind of observations or rewards, and for an environment with features of one's own
    under local observations.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "edge_llm_v0",
        "render_modes": EdgeLLMEnv.metadata["render_modes"],
        "render_fps": EdgeLLMEnv.metadata["render_fps"],
        "is_parallelizable": True,
    }

    def __init__(self, env: EdgeLLMEnv, observations: str = "local", rewards: str = "shared") -> None:
        known_name("kind of observations", observations, OBSERVATIONS)
        known_name("kind of rewards", rewards, REWARDS)
        self.env, self.render_mode, self._roles = env, env.render_mode, agents_of(env.scenario)
        self.roles = {agent.name: agent for agent in self._roles}
        self.possible_agents = list(self.roles)
        self.agents: list[str] = []
        single = env.observation_space
        assert isinstance(single, spaces.Dict)
        if observations == "local":
            _refuse_features(env, single)
        self._observer = OBSERVATIONS[observations](self._roles, single, env.simulator)
        self._rewards = REWARDS[rewards](self._roles)
        self.observation_spaces = self._observer.spaces
        self.action_spaces = {agent.name: action_space(agent, env.scenario) for agent in self._roles}
        self.state_space = spaces.flatten_space(single)
        self._seen: Observation = {}

    @property
    def scenario(self) -> Scenario:
        """The scenario of the single environment."""
        return self.env.scenario

    def observation_space(self, agent: str) -> spaces.Dict:
        """The observation space of an agent: always the same object. Raises ValueError for an unknown name."""
        return self.observation_spaces[known_name("agent", agent, self.possible_agents)]

    def action_space(self, agent: str) -> spaces.Dict:
        """The action space of an agent: always the same object. Raises ValueError for an unknown name."""
        return self.action_spaces[known_name("agent", agent, self.possible_agents)]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[ByAgent, ByAgent]:
        """Observations and infos of a new episode, by agent; seed and options as in `EdgeLLMEnv.reset`.

        Raises as that does, and ScenarioError for overrides that change what an agent decides.
        """
        known = {key: value for key, value in (options or {}).items() if key != API_TEST_OPTION}
        self._seen, info = self.env.reset(seed=seed, options=known or None)
        if agents_of(self.env.scenario) != self._roles:
            raise ScenarioError(
                "overrides of a reset must leave every node its stage and its links, since these decide what agents "
                "there are; make a new environment with these overrides"
            )
        self.agents = list(self.possible_agents)
        return self._observe(), self._infos(info)

    def step(self, actions: ByAgent) -> tuple[ByAgent, dict[str, float], dict[str, bool], dict[str, bool], ByAgent]:
        """One epoch with an action of every agent: observations, rewards, terminations, truncations, infos.

        Every agent's info is that of the single environment, which reports the whole network and is no part of what
        agents observe. Raises ActionError for a missing or malformed action, and RuntimeError without an episode.
        """
        if not self.agents:
            raise RuntimeError("no episode is running: call reset() first, and again after the horizon")
        action = joined_action(actions, self._roles, self.env.scenario)
        self._rewards.begin_step(self.env.simulator)
        self._seen, reward, terminated, truncated, info = self.env.step(action)
        rewards = self._rewards.of_step(self.env.simulator, reward, info["rewards"])
        flags = [dict.fromkeys(self.agents, flag) for flag in (terminated, truncated)]
        observations, infos = self._observe(), self._infos(info)
        self.agents = [] if terminated or truncated else self.agents
        return observations, rewards, flags[0], flags[1], infos

    def global_observation(self) -> Observation:
        """A copy of the single environment's present observation, which experts take. RuntimeError before a reset."""
        self._require_reset()
        return {key: array.copy() for key, array in self._seen.items()}

    def state(self) -> Array:
        """The single environment's present observation as one vector, for central critics; see `state_space`.

        Raises RuntimeError before a reset.
        """
        self._require_reset()
        return np.asarray(spaces.flatten(self.env.observation_space, self._seen))

    def render(self) -> str | Array | None:
        """The current epoch, as `EdgeLLMEnv.render`."""
        return self.env.render()

    def close(self) -> None:
        """Closes the window, if there is one."""
        self.env.close()

    def _observe(self) -> ByAgent:
        return self._observer.observe(self._seen, self.env.simulator)

    def _infos(self, info: dict[str, Any]) -> ByAgent:
        return {name: dict(info) for name in self.possible_agents}

    def _require_reset(self) -> None:
        if not self._seen:
            raise RuntimeError("call reset() first: there is no episode yet")


def _refuse_features(env: EdgeLLMEnv, single: spaces.Dict) -> None:
    """Raises ValueError for keys of the observation that are features of one's own."""
    if own := sorted(set(single.spaces) - set(interface_of(env.scenario).observation_space(env.scenario).spaces)):
        raise ValueError(
            f"features of one's own describe the whole environment, so local observations cannot hold {own}; pass "
            f"observations='global' or leave features out"
        )
