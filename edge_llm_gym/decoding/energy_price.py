"""The price of energy in the problems of batch schedulers: value per joule, from the reward or given."""

from typing import Final, NamedTuple

from edge_llm_gym.numeric import real_number
from edge_llm_gym.scenario import Scenario

NODE_TERMS: Final = ("energy_j", "node_energy_j")
DEVICE_TERMS: Final = ("energy_j", "device_energy_j")
"""Terms of the reward that price the energy of nodes, and of device transmitters."""


class EnergyPrice(NamedTuple):
    """Value that a joule costs, zero or more."""

    node: float
    device: float


GREATEST_PRICE: Final = 1e50
FREE: Final = EnergyPrice(0.0, 0.0)
"""Energy without a price."""


def energy_price(scenario: Scenario, price: float | None = None) -> EnergyPrice:
    """The price of energy for schedulers that maximise served value.

    `price` is in value per J, for nodes and devices alike. None takes the prices from the scenario's reward: the
    weights of `energy_j`, `node_energy_j` and `device_energy_j`, relative to the weight of `served_value`.

    Raises ValueError for a price that is negative or not finite, and for a reward with terms of energy and without a
    positive weight of served value.
    """
    if price is not None:
        return EnergyPrice(_checked(price), _checked(price))
    if not any(scenario.reward.get(term, 0.0) for term in (*NODE_TERMS, *DEVICE_TERMS)):
        return FREE
    value = scenario.reward.get("served_value", 0.0)
    if value <= 0.0:
        raise ValueError(
            f"the price of energy is the weight of energy relative to that of served_value, which must be above 0, got "
            f"the reward {scenario.reward}; pass energy_price in value per J, 0 for none"
        )
    node, device = (-sum(scenario.reward.get(term, 0.0) for term in terms) for terms in (NODE_TERMS, DEVICE_TERMS))
    return EnergyPrice(_checked(node / value), _checked(device / value))


def _checked(price: float) -> float:
    try:
        return real_number("energy_price", price, greatest=GREATEST_PRICE, unit="value per J")
    except ValueError as error:
        raise ValueError(f"{error}; give energy a weight of zero or less in the reward") from None
