"""Policies of the single environment, such as experts, as policies of the agents."""

from typing import Any

from edge_llm_gym.experts import make_expert
from edge_llm_gym.experts.policy import Observation, Policy
from edge_llm_gym.experts.registry import EnvLike
from edge_llm_gym.multiagent.actions import AgentAction, split_action
from edge_llm_gym.multiagent.agents import agents_of
from edge_llm_gym.multiagent.observations import AGENT
from edge_llm_gym.names import known_name
from edge_llm_gym.scenario import scenario_of


class SplitPolicy:
    """A policy of the single environment whose action is split among the agents: a central planner.

    Args:
        policy: the name of an expert, or a policy with `predict` for single observations.
        env: the parallel environment, a single one, or a Scenario.
        **settings: of the expert, see `edge_llm_gym.experts.make_expert`, which also says what is raised.
    """

    def __init__(self, policy: Policy | str, env: EnvLike, **settings: Any) -> None:
        self.scenario = scenario_of(env)
        self.agents = agents_of(self.scenario)
        self.policy = make_expert(policy, self.scenario, **settings) if isinstance(policy, str) else policy

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[dict[str, AgentAction], Any]:
        """The actions of all agents by name, and the policy's next state.

        `observation` is `global_observation()` of the parallel environment, or any agent's global observation.
        """
        single = {key: value for key, value in observation.items() if key != AGENT}
        action, after = self.policy.predict(single, state, episode_start, deterministic)
        return split_action(action, self.agents, self.scenario), after


class AgentPolicy:
    """One agent's part of a policy of the single environment, for an environment with global observations.

    Every agent computes the whole plan from the global observation and carries out its own part. Arguments as for
    `SplitPolicy`, with the name of the agent. Raises ValueError for an unknown agent.
    """

    def __init__(self, agent: str, policy: Policy | str, env: EnvLike, **settings: Any) -> None:
        self._split = SplitPolicy(policy, env, **settings)
        self.agent = known_name("agent", agent, [one.name for one in self._split.agents])

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[AgentAction, Any]:
        """The agent's action for its global observation, and the policy's next state."""
        actions, after = self._split.predict(observation, state, episode_start, deterministic)
        return actions[self.agent], after
