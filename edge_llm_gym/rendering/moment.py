"""Where an episode stands: the fields that the views of all dynamics share."""

from dataclasses import dataclass, field

from edge_llm_gym.sim.simulator import Simulator

Point = tuple[float, float]


@dataclass(frozen=True)
class Moment:
    """One row at one decision time."""

    scenario: str
    epoch: int
    """Epochs done."""
    horizon: int
    """Epochs of the episode."""
    time_s: float
    epoch_s: float
    area_m: Point
    """Extent of the area that holds the devices."""
    caption: str = field(default="", kw_only=True)
    """How the episode is played, such as its policy and seed; empty where that is unknown."""


def moment_of(simulator: Simulator, row: int, time_s: float) -> Moment:
    """The moment of a row whose current decision time is `time_s`."""
    scenario, state = simulator.scenario, simulator.state
    return Moment(
        scenario=scenario.name,
        epoch=int(state.epoch[row]),
        horizon=scenario.horizon_epochs,
        time_s=time_s,
        epoch_s=scenario.epoch_s,
        area_m=scenario.devices.area_m,
    )
