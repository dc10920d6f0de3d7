"""What becomes of an answer: in time or late, good enough or poor."""

from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.state import LATE, POOR, SERVED

TIME_TOLERANCE_S = 1e-9


@kernel
def outcome_of(answered_s: float, deadline_s: float, quality: float, demand: float) -> int:
    """LATE after the deadline, else SERVED if the quality reaches the demand, else POOR."""
    if answered_s > deadline_s + TIME_TOLERANCE_S:
        return LATE
    return SERVED if quality >= demand else POOR
