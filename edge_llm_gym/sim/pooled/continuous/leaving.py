"""Sequences that leave a node: at their last token, or evicted when the KV caches outgrow the memory."""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import CONTINUOUS_COLUMN
from edge_llm_gym.sim.pooled.continuous.iterations import computed_prompt
from edge_llm_gym.sim.pooled.continuous.records import NodeState, SequenceLog
from edge_llm_gym.sim.pooled.queue import record_eviction, record_outcome
from edge_llm_gym.sim.pooled.records import RequestLog
from edge_llm_gym.sim.records import RequestTape

DECODED, TPOT = CONTINUOUS_COLUMN["decoded"], CONTINUOUS_COLUMN["tpot_s"]


@kernel
def release(
    padded_prompt: int, requests: RequestTape, log: RequestLog, nodes: NodeState, row: int, node: int, request: int
) -> None:
    """Frees the memory that a sequence has reserved; it leaves its node now."""
    prompt = computed_prompt(padded_prompt, requests.prompt_tokens, row, request)
    nodes.reserved_tokens[row, node] -= prompt + requests.predicted_tokens[row, request]
    log.finish_s[row, request, 0] = nodes.boundary_s[row, node]


@kernel
def finish(
    padded_prompt: int,
    requests: RequestTape,
    log: RequestLog,
    nodes: NodeState,
    sequences: SequenceLog,
    row: int,
    node: int,
    request: int,
    quality: float,
    metrics: Array,
) -> None:
    """A sequence leaves its node with its last token; outcome and metrics."""
    release(padded_prompt, requests, log, nodes, row, node, request)
    end_s, steps = nodes.boundary_s[row, node], requests.output_tokens[row, request] - 1
    record_outcome(requests, log, row, request, end_s, quality, sequences.answer_s[row, request], metrics)
    if steps > 0:
        metrics[DECODED] += 1
        metrics[TPOT] += (end_s - sequences.first_token_s[row, request]) / steps


@kernel
def evict(
    padded_prompt: int,
    requests: RequestTape,
    log: RequestLog,
    nodes: NodeState,
    row: int,
    node: int,
    request: int,
    metrics: Array,
) -> None:
    """A sequence loses its place and its work."""
    release(padded_prompt, requests, log, nodes, row, node, request)
    record_eviction(requests, log, row, request, metrics)
