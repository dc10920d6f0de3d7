"""What `reset` and `step` report in their info dictionaries.

Both have the same structure: the same keys, shapes and types, and no None. Recorded infos therefore have one
entry per observation.

| key | content |
|---|---|
| `tape` | `requests` of the episode, `clipped_prompts` and `clipped_outputs` (lengths cut to the limits) |
| `tape.parameters` | parameters of the episode, `edge_llm_gym.sim.episode_parameters`; drawn where there are ranges |
| `metrics` | the metrics of the epoch by name, see `edge_llm_gym.scenario.metrics`; of a reset: first arrivals |
| `totals` | the metrics since the reset, its own included: sums of flows, last levels, means |
| `rewards` | the terms of the reward: weight times metric, by name; `own` with a function of one's own; of a reset: 0 |
| `slots` | pooled dynamics: `request`, `outcome`, `latency_s`, `expired` (and `exit`, `evicted`) of every slot |
| `nodes` | streaming dynamics: `sent` requests and `utilisation` of every node |
| `nodes` | continuous batching: `running` sequences and `reserved` memory of every node |

The slots of a reset report no request, as no action came before: `request` is -1, `outcome` 0, all else 0 or False.

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
from edge_llm_gym.env.info import Columns, Info
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.env.own_functions import OWN_TERM
from edge_llm_gym.sim.episode_parameters import PARAMETERS
from edge_llm_gym.sim.records import RequestTape
from edge_llm_gym.sim.simulator import Simulator


def step_info(simulator: Simulator, result: Any, own_reward: Array | None = None) -> Info:
    """The info of a step, with a leading axis of rows; `own_reward` [R] is that of a user's own function."""
    return {"tape": tape_info(simulator)} | epoch_info(simulator, result, own_reward)


def epoch_info(simulator: Simulator, result: Any, own_reward: Array | None = None) -> Info:
    """The part of `step_info` that changes within an episode."""
    return _epoch(simulator, result, result.metrics, own_reward)


def reset_info(simulator: Simulator, own_reward: Array | None = None) -> Info:
    """The info of a reset, with the structure of that of a step. Totals begin with the metrics of the reset."""
    empty, totals = simulator.empty_result(), simulator.state.totals.copy()
    return {"tape": tape_info(simulator)} | _epoch(simulator, empty, totals, own_reward)


def _epoch(simulator: Simulator, result: Any, metrics: Array, own_reward: Array | None) -> Info:
    names = simulator.scenario.metrics
    return {
        "metrics": Columns(names, metrics),
        "totals": Columns(names, simulator.state.totals.copy()),
        "rewards": _rewards(simulator, result.metrics) | ({} if own_reward is None else {OWN_TERM: own_reward}),
    } | interface_of(simulator.scenario).info(simulator, result)


def tape_info(simulator: Simulator) -> Info:
    """The entry `tape`, which is the same in all infos of an episode."""
    requests: RequestTape = simulator.tape.requests
    clipped = requests.clipped.copy()
    return {
        "requests": requests.length.copy(),
        "clipped_prompts": clipped[:, 0],
        "clipped_outputs": clipped[:, 1],
        "parameters": Columns(PARAMETERS, simulator.episode_parameters.copy()),
    }


def _rewards(simulator: Simulator, metrics: Array) -> Info:
    terms = zip(simulator.scenario.reward.items(), simulator.parameters.reward.column, strict=True)
    return {term: weight * metrics[:, column] for (term, weight), column in terms}
