"""Training of the multi-exit model: every exit predicts the next token; the losses of the exits have weights."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.optim import AdamW, Muon, Optimizer

from exit_profile.model import MultiExitTransformer, Shape

WARM_UP_SHARE = 0.03
DECAY_SHARE = 0.5
GRADIENT_LIMIT = 1.0
PROBE_STEPS = 6
REPORTS = 20
"""Number of progress lines per training"""

Text = NDArray[np.unsignedinteger]
"""Token ids of a corpus"""
Report = Callable[[str], None]


def rising(exits: int) -> Tensor:
    """Weights 1, 2, ..., E: with equal weights deeper layers would train worse."""
    return torch.arange(1, exits + 1.0)


def last_twice(exits: int) -> Tensor:
    """Weights 1, ..., 1, 2."""
    return torch.ones(exits).index_fill(0, torch.tensor([exits - 1]), 2.0)


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: windows per step, weights [E] of the losses of E exits, and the device.

    On the device "cuda" the products are computed in bfloat16, on "cpu" in float32.
    """

    windows_per_step: int = 4
    loss_weights: Callable[[int], Tensor] = rising
    device: str = "cpu"

    def autocast(self) -> torch.autocast:
        """The context of the forward pass."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.device != "cpu")


@dataclass(frozen=True)
class Trained:
    """A trained model, its number of training steps and the tokens it was trained on."""

    model: MultiExitTransformer
    steps: int
    seen_tokens: int


def train(text: Text, shape: Shape, recipe: Recipe, steps: int, seed: int, report: Report = print) -> Trained:
    """Train a new model on windows drawn from the text; the same arguments give the same model on the same machine."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = MultiExitTransformer(shape).to(recipe.device)
    optimisers = _optimisers(model)
    rates = [group["lr"] for optimiser in optimisers for group in optimiser.param_groups]
    start_s = time.perf_counter()
    for step in range(steps):
        _set_rates(optimisers, rates, learning_rate_share((step + 1) / (steps + 1)))
        losses = _step(model, optimisers, recipe, windows(text, recipe.windows_per_step, shape.context, rng))
        if (step + 1) % max(1, steps // REPORTS) == 0:
            report(_progress(step + 1, steps, losses, time.perf_counter() - start_s))
    return Trained(model, steps, steps * recipe.windows_per_step * shape.context)


def steps_within(minutes: float, text: Text, shape: Shape, recipe: Recipe) -> int:
    """Number of steps that take about ``minutes``, from the speed of a few steps of a discarded model."""
    train(text, shape, recipe, 1, seed=0, report=lambda line: None)
    start_s = time.perf_counter()
    train(text, shape, recipe, PROBE_STEPS, seed=0, report=lambda line: None)
    step_s = (time.perf_counter() - start_s) / PROBE_STEPS
    return max(1, int(60 * minutes / step_s))


def windows(text: Text, count: int, context: int, rng: np.random.Generator) -> Tensor:
    """``count`` windows [count, context + 1] of the text from uniformly drawn positions, as integers."""
    start = rng.integers(0, text.size - context, count)
    return torch.from_numpy(text[start[:, None] + np.arange(context + 1)].astype(np.int64))


def exit_losses(logits: list[Tensor], target: Tensor) -> Tensor:
    """[E] mean cross-entropy in nats at each exit."""
    return torch.stack([functional.cross_entropy(each.flatten(0, 1), target.flatten()) for each in logits])


def weighted_mean(losses: Tensor, weight: Tensor) -> Tensor:
    """Mean of the losses [E] with the weights [E]."""
    return (weight * losses).sum() / weight.sum()


def learning_rate_share(progress: float) -> float:
    """Share of the full learning rate at a progress in [0, 1]: linear warm-up, constant, linear decay to zero."""
    return min(1.0, progress / WARM_UP_SHARE, (1.0 - progress) / DECAY_SHARE)


def _optimisers(model: MultiExitTransformer) -> list[Optimizer]:
    """Muon (Jordan et al., 2024) for the matrices of the layers, which converges in fewer steps; AdamW for the rest."""
    matrices = [parameter for parameter in model.layers.parameters() if parameter.ndim == 2]
    taken = {id(parameter) for parameter in matrices}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in taken]
    return [
        Muon(matrices, lr=0.03, momentum=0.95, weight_decay=0.01),
        AdamW(rest, lr=0.003, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def _set_rates(optimisers: list[Optimizer], rates: list[float], share: float) -> None:
    groups = [group for optimiser in optimisers for group in optimiser.param_groups]
    for group, rate in zip(groups, rates, strict=True):
        group["lr"] = share * rate


def _step(model: MultiExitTransformer, optimisers: list[Optimizer], recipe: Recipe, batch: Tensor) -> Tensor:
    """One update; the losses [E] before it."""
    batch = batch.to(recipe.device)
    with recipe.autocast():
        losses = exit_losses(model(batch[:, :-1]), batch[:, 1:])
    weight = recipe.loss_weights(len(losses)).to(recipe.device)
    weighted_mean(losses, weight).backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_LIMIT)
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad()
    return losses.detach()


def _progress(step: int, steps: int, losses: Tensor, elapsed_s: float) -> str:
    shown = " ".join(f"{loss:.3f}" for loss in losses.tolist())
    return (
        f"step {step}/{steps}  loss by exit {shown}  {elapsed_s:.0f} s, {elapsed_s / step * (steps - step):.0f} s to go"
    )
