"""Stand-in until the cost model's record of a timing exists."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """One row."""

    device: str
    model: str
    weight_bits: int
    kind: str
    batch: int
    prompt_or_context_tokens: int | None
    seconds: float
    prompts: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
