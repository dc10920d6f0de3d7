"""Greedy generation with all tokens at one exit."""

import torch
from torch import Tensor

from exit_profile.layers import KeyValues
from exit_profile.model import MultiExitTransformer


@torch.no_grad()
def generate(model: MultiExitTransformer, exit_index: int, prompt: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """``count`` tokens after each ``prompt`` [batch, time], the most probable one at each step, all from one exit.

    Prompt and answer pass through the layers before that exit only, so the caches hold what a device holds on which the
    later layers do not exist. Returns the tokens [batch, count] and the logarithms of their probabilities, float32.
    """
    past = [KeyValues() for _ in range(model.shape.depth(exit_index))]
    tokens, logs, latest = [], [], prompt
    for _ in range(count):
        best, latest = model.next_logits(exit_index, latest, past).float().log_softmax(-1).max(-1, keepdim=True)
        tokens.append(latest)
        logs.append(best)
    return torch.cat(tokens, dim=1), torch.cat(logs, dim=1)
