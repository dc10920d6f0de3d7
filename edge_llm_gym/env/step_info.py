"""What `reset` and `step` report in their info dictionaries.

Both have the same structure: the same keys, shapes and types, and no None. Recorded infos therefore have one
entry per observation.

| key | shape | unit | meaning |
|---|---|---|---|
| `tape.requests` | | requests | requests of the episode |
| `tape.clipped_prompts` | | requests | requests whose prompt was clipped to `lengths.max_prompt_tokens` |
| `tape.clipped_outputs` | | requests | requests whose output was clipped to `lengths.max_output_tokens` |
| `tape.parameters` | | | `rate_per_s`, `shadowing_db`, `drift_period_s`, `drift_depth`; 0 without a drift |
| `metrics` | | | the metrics of the epoch, by name; of a reset: of the first arrivals |
| `totals` | | | the metrics since the reset, its own included: sums of flows, last levels, means |
| `rewards` | | | the terms of the reward, by name: weight times metric; of a reset: 0 |
| `slots.request` | [N] | | index of the slot's request on the tape, -1 for none |
| `slots.outcome` | [N] | | what happened to it, a code of `edge_llm_gym.Outcome` |
| `slots.latency_s` | [N] | s | time from its arrival to its answer, 0 without an answer |
| `slots.expired` | [N] | | whether it was not admitted and expired at the end of the epoch |
| `slots.exit` | [N] | | block (from 1) after which it leaves, 0 for none |
| `slots.evicted` | [N] | | whether it was evicted, since its KV cache outgrew the memory of a node |
| `nodes.sent` | [K] | requests | requests of the epoch that reach the node |
| `nodes.utilisation` | [K] | 1 | busy share of the epoch |
| `nodes.running` | [K] | requests | sequences on the node, those that wait for their prefill included |
| `nodes.reserved` | [K] | 1 | share of the memory beside the weights that the sequences have reserved |

Which of `slots` and `nodes` there are depends on the dynamics: `slots` in pooled dynamics, with `exit` in
batching-and-routing dynamics and `evicted` with predicted lengths; `nodes` in streaming dynamics and continuous
batching. `rewards` has the term `own` with a function of one's own.

The slots of a reset report no request, as no action came before: `request` is -1, `outcome` 0, all else 0 or False.
Outcomes are those of `edge_llm_gym.sim.outcomes.Outcome`, which can be imported as `edge_llm_gym.Outcome`.
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
