"""Returns of actions in resampled futures, in which a base policy acts after the first epoch."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.experts.policy import Action
from edge_llm_gym.linear import LinearPolicy
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.futures import Futures
from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True)
class RolloutSettings:
    """How far and how often the policy looks ahead."""

    horizon: int = 6
    """Epochs of a rollout, the present one included; fewer at the end of an episode"""
    futures: int = 16
    """Resampled futures, the same ones for all candidates"""
    candidates: int = 8
    """Actions that are tried, that of the base policy included"""
    deviation: float = 0.2
    """Standard deviation of the noise on the base policy's parameters"""
    margin: float = 1.0
    """Standard errors by which the mean return of an action must exceed that of the base action"""
    discount: float = 1.0
    """Weight of the reward of an epoch over that of the epoch before"""


DEFAULTS: Final = RolloutSettings()


class Rollouts:
    """Tries `settings.candidates` actions of one state in `settings.futures` futures each.

    `base` acts after the first epoch, in its own scenario; `tapes` is the scenario that later requests are drawn from,
    by default the same. Returns are sums of the scenario's reward.
    """

    def __init__(self, base: LinearPolicy, settings: RolloutSettings, tapes: Scenario | None = None) -> None:
        self._base, self._settings = base, settings
        rows = settings.futures, settings.candidates, settings.horizon
        self._futures = Futures(base.scenario, *rows, tapes=tapes)
        self._observer = interface_of(base.scenario).observer(self._futures.simulator)

    def returns(self, source: Simulator, row: int, actions: Action, rng: np.random.Generator) -> Array:
        """[candidates, futures] discounted returns of actions with a leading axis of candidates, from a row's present.

        Raises ValueError as `Futures.draw` does.
        """
        self._futures.draw(source, row, rng)
        simulator, settings = self._futures.simulator, self._settings
        interface, parameters = interface_of(simulator.scenario), self._base.parameters[None]
        action = {key: np.repeat(array, settings.futures, axis=0) for key, array in actions.items()}
        returns = np.zeros(simulator.rows)
        for epoch in range(min(settings.horizon, source.scenario.horizon_epochs - int(source.state.epoch[row]))):
            if epoch:
                action = self._base.act_with(self._observer.observe(), parameters)
            checked = interface.read_action(action, (simulator.rows,), simulator.scenario)
            returns += settings.discount**epoch * simulator.step(*checked).reward
        return returns.reshape(settings.candidates, settings.futures)
