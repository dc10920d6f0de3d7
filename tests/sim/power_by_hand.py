"""Powers written by hand into a simulator."""

from edge_llm_gym.sim.simulator import Simulator

TRANSMIT_W = 0.25


def set_power(simulator: Simulator, idle_w: float, dynamic_w: list[float]) -> None:
    """Nodes that idle at `idle_w` all together and take dynamic_w [K] more while computing; devices send at 1/4 W."""
    power = simulator.parameters.power
    power.dynamic_w[:] = dynamic_w
    power = power._replace(idle_w=idle_w, transmit_w=TRANSMIT_W)
    simulator.parameters = simulator.parameters._replace(power=power)
    simulator._dynamics.parameters = simulator.parameters
