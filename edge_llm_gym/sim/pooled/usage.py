"""What an epoch uses of nodes and radio: utilisation and energy."""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.compiled.totals import total
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.energy import node_energy_j
from edge_llm_gym.sim.records import PowerConstants

UTILISATION, REQUESTED = COLUMN["utilisation"], COLUMN["requested"]
UPLINK_REFUSALS, DOWNLINK_REFUSALS = COLUMN["refused_uplink"], COLUMN["refused_downlink"]
NODE_ENERGY, DEVICE_ENERGY, ENERGY = COLUMN["node_energy_j"], COLUMN["device_energy_j"], COLUMN["energy_j"]


@kernel
def write_usage(power: PowerConstants, epoch_s: float, uplink_slot_s: float, busy_s: Array, metrics: Array) -> None:
    """Utilisation and energy of an epoch in which each node computes for busy_s [K].

    metrics [M] already count the requests and refusals of the epoch. A request that passes the radio checks is sent for
    the whole uplink slot, also if memory refuses it afterwards.
    """
    sent = metrics[REQUESTED] - metrics[UPLINK_REFUSALS] - metrics[DOWNLINK_REFUSALS]
    metrics[UTILISATION] = total(busy_s) / (epoch_s * busy_s.size)
    metrics[NODE_ENERGY] = node_energy_j(power, busy_s, epoch_s)
    metrics[DEVICE_ENERGY] = power.transmit_w * uplink_slot_s * sent
    metrics[ENERGY] = metrics[NODE_ENERGY] + metrics[DEVICE_ENERGY]
