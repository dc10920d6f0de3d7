"""Energy of an epoch: nodes by their busy time, device transmitters by their time on air (system model, section 7)."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.records import PowerConstants
from edge_llm_gym.units import dbm_to_watt


def dynamic_power_w(scenario: Scenario) -> Array:
    """[K] float64 W, power of each node while it computes, less its idle power; `count` devices add up."""
    devices = [node.device() for node in scenario.nodes]
    return np.array([device.busy_w - device.idle_w for device in devices])


def transmit_power_w(scenario: Scenario) -> float:
    """Transmit power of a device in W: what it radiates, without losses of the amplifier."""
    return dbm_to_watt(scenario.devices.transmit_power_dbm)


def power_constants(scenario: Scenario) -> PowerConstants:
    """The powers of a scenario as kernels take them."""
    return PowerConstants(
        idle_w=float(sum(node.device().idle_w for node in scenario.nodes)),
        dynamic_w=dynamic_power_w(scenario),
        transmit_w=transmit_power_w(scenario),
    )


@kernel
def node_energy_j(power: PowerConstants, busy_s: Array, epoch_s: float) -> float:
    """Energy in J of all nodes over an epoch of `epoch_s` in which each computes for busy_s [K]."""
    energy_j = power.idle_w * epoch_s
    for node in range(busy_s.size):
        energy_j += power.dynamic_w[node] * busy_s[node]
    return energy_j
