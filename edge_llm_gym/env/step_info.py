"""What `reset` and `step` report in their info dictionaries.

| call | key | content |
|---|---|---|
| reset | `tape` | `requests` of the episode, `clipped_prompts` and `clipped_outputs` (lengths cut to the limits) |
| both | `metrics` | the metrics of the epoch by name, see `edge_llm_gym.scenario.metrics`; of a reset: first arrivals |
| both | `totals` | the metrics since the reset, its own included: sums of flows, last levels, means |
| step | `rewards` | the terms of the reward: weight times metric, by name |
| step | `slots` | pooled dynamics: `request`, `outcome`, `latency_s`, `expired` (and `exit`, `evicted`) of every slot |
| step | `nodes` | streaming dynamics: `sent` requests and `utilisation` of every node |
| step | `nodes` | continuous batching: `running` sequences and `reserved` memory of every node |

Outcome codes in `slots.outcome` (`edge_llm_gym.sim.outcomes`):

| code | outcome | meaning |
|---|---|---|
| 0 | empty | no request in the slot |
| 1 | waiting | the action let the request wait |
| 2 | served | computed, in time, and of sufficient quality |
| 3 | late | computed, but the answer ends after the deadline, or the request was evicted |
| 4 | below_quality | computed in time, but the quality is below the request's demand |
| 5 | expired | left the queue because no node could serve it in time any more |
| 6 | refused_uplink | not admitted: its uplink share is too small |
| 7 | refused_downlink | not admitted: its downlink share is too small |
| 8 | refused_memory | not admitted: its KV cache does not fit in the free memory of the node |
| 9 | running | continuous batching: admitted, its last token is not computed yet |

Refused requests stay in the queue. The outcome is that of the admission, so it is never 5: requests that waited or were
refused may expire at the end of the epoch, which `slots.expired` tells. The metric `expired` counts these and the
requests without a slot that expired: hidden ones, and arrivals that no node could serve in time.
"""

from typing import Any

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.info import Info
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.sim.simulator import Simulator


def step_info(simulator: Simulator, result: Any) -> Info:
    """The info of a step, as arrays with a leading axis of rows."""
    terms = zip(simulator.scenario.reward.items(), simulator.parameters.reward.column, strict=True)
    return {
        "metrics": _by_name(simulator, result.metrics),
        "totals": _by_name(simulator, simulator.state.totals.copy()),
        "rewards": {term: weight * result.metrics[:, column] for (term, weight), column in terms},
    } | interface_of(simulator.scenario).info(simulator, result)


def reset_info(simulator: Simulator) -> Info:
    """The info of a reset, as arrays with a leading axis of rows: totals begin with the metrics of the reset."""
    tape, totals = simulator.tape, simulator.state.totals
    return {
        "metrics": _by_name(simulator, totals.copy()),
        "totals": _by_name(simulator, totals.copy()),
        "tape": {
            "requests": tape.requests.length.copy(),
            "clipped_prompts": tape.requests.clipped[:, 0].copy(),
            "clipped_outputs": tape.requests.clipped[:, 1].copy(),
        },
    }


def _by_name(simulator: Simulator, metrics: Array) -> Info:
    """The columns [R] of metrics or totals [R, M] by name."""
    return {name: metrics[:, column] for column, name in enumerate(simulator.scenario.metrics)}
