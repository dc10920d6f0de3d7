"""What `reset` and `step` report in their info dictionaries.

| call | key | content |
|---|---|---|
| reset | `tape` | `requests` of the episode, `clipped_prompts` and `clipped_outputs` (lengths cut to the limits) |
| step | `metrics` | the metrics of the epoch by name, see `edge_llm_gym.scenario.metrics` |
| step | `totals` | their sums since the reset |
| step | `rewards` | the terms of the reward: weight times metric, by name |
| step | `slots` | pooled dynamics: `request`, `outcome`, `latency_s` (and `exit`, `evicted`) of every slot |
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

Refused requests stay in the queue.
"""

from typing import Any

from edge_llm_gym.env.info import Info
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.sim.simulator import Simulator


def step_info(simulator: Simulator, result: Any) -> Info:
    """The info of a step, as arrays with a leading axis of rows."""
    names, totals = simulator.scenario.metrics, simulator.state.totals
    terms = zip(simulator.scenario.reward.items(), simulator.parameters.reward.column, strict=True)
    return {
        "metrics": {name: result.metrics[:, column] for column, name in enumerate(names)},
        "totals": {name: totals[:, column].copy() for column, name in enumerate(names)},
        "rewards": {term: weight * result.metrics[:, column] for (term, weight), column in terms},
    } | interface_of(simulator.scenario).info(simulator, result)


def reset_info(simulator: Simulator) -> Info:
    """The info of a reset, as arrays with a leading axis of rows."""
    tape = simulator.tape
    return {
        "tape": {
            "requests": tape.requests.length.copy(),
            "clipped_prompts": tape.requests.clipped[:, 0].copy(),
            "clipped_outputs": tape.requests.clipped[:, 1].copy(),
        }
    }
