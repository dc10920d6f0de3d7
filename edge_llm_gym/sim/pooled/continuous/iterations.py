"""Durations of consecutive iterations of one set of running sequences, in closed form.

An iteration of B sequences that attend to C tokens takes c0 + c1 B + c2 C, and every iteration adds B tokens. With
`first_s` = c0 + c1 B + c2 C and `growth_s` = c2 B, m iterations take m first_s + growth_s m (m - 1) / 2.
"""

import math

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.pooled.continuous.records import IterationConstants


@kernel
def first_iteration_s(constants: IterationConstants, node: int, running: int, held_tokens: int) -> float:
    """Duration in s of the next iteration of a node."""
    work_s = constants.sequence_s[node] * running + constants.context_s[node] * held_tokens
    return constants.step_s[node] + work_s


@kernel
def run_s(first_s: float, growth_s: float, iterations: int) -> float:
    """Duration in s of consecutive iterations."""
    return iterations * first_s + 0.5 * growth_s * iterations * (iterations - 1)


@kernel
def completed_iterations(first_s: float, growth_s: float, span_s: float, most: int) -> int:
    """Largest number of iterations, up to `most`, that take at most `span_s`."""
    if run_s(first_s, growth_s, most) <= span_s:
        return most
    if span_s < first_s:
        return 0
    linear_s = first_s - 0.5 * growth_s
    root = math.sqrt(linear_s * linear_s + 2.0 * growth_s * span_s)
    count = int(min(2.0 * span_s / (linear_s + root), float(most)))
    while count > 0 and run_s(first_s, growth_s, count) > span_s:  # the root is rounded
        count -= 1
    while count < most and run_s(first_s, growth_s, count + 1) <= span_s:
        count += 1
    return count


@kernel
def iterations_until(first_s: float, growth_s: float, span_s: float, most: int) -> int:
    """Smallest number of iterations, up to `most`, that take at least `span_s`, which is positive."""
    count = completed_iterations(first_s, growth_s, span_s, most)
    if count < most and run_s(first_s, growth_s, count) < span_s:
        count += 1
    return count


@kernel
def computed_prompt(padded_prompt: int, prompt_tokens: Array, row: int, request: int) -> int:
    """Prompt tokens that a node computes for a request; `padded_prompt` is 0 if prompts are not padded."""
    return padded_prompt if padded_prompt > 0 else prompt_tokens[row, request]
