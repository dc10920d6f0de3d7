"""A synthetic exit profile whose distributions are known in closed form."""

import numpy as np

from edge_llm_gym.models.checks import require_count, require_positive
from edge_llm_gym.models.exits.profile import ExitProfile


def parametric_profile(
    rows: int = 4096,
    exits: int = 4,
    seed: int = 0,
    *,
    sharpness: float = 1.0,
    overconfidence: float = 1.0,
    noise: float = 0.0,
) -> ExitProfile:
    """A synthetic profile whose distributions are known in closed form.

    Every row draws an ease U and a luck V, independent and uniform on (0, 1). At exit b = 1..E, with depth
    a_b = ``sharpness`` * b,

    - confidence C_b = U ** (1 / a_b), so that C_b is Beta(a_b, 1) distributed: it sharpens towards 1 with depth;
    - the answer is correct if V < C_b ** ``overconfidence``, so that an answer of confidence c is correct with
      probability c ** overconfidence. At 1 the profile is calibrated, above 1 overconfident, below 1 underconfident.

    Hence the accuracy at exit b is a_b / (a_b + overconfidence), and under thresholds t a share min(t_j ** a_j, j <= b)
    of the rows continues past exit b. The confidence of a row increases with depth, and correct answers stay correct.
    ``noise`` is the probability with which a confidence comes from an independent ease instead of the row's: it keeps
    each exit's distribution and accuracy, and weakens the dependence between exits, up to independence at 1.

    Raises TypeError or ValueError for counts below 1, a sharpness or overconfidence that is not positive, and a noise
    outside [0, 1].
    """
    require_count("parametric_profile", rows=rows, exits=exits)
    require_positive("parametric_profile", sharpness=sharpness, overconfidence=overconfidence)
    if not 0 <= noise <= 1:
        raise ValueError(
            f"parametric_profile: noise is a probability and must be in [0, 1], got {noise!r}; pass 0 for none"
        )
    rng = np.random.default_rng(seed)
    ease, luck, own_ease, draw = rng.random((rows, 1)), rng.random((rows, 1)), *rng.random((2, rows, exits))
    depth = sharpness * np.arange(1, exits + 1)
    confidence = np.where(draw < noise, own_ease, ease) ** (1 / depth)
    parameters = f"{sharpness=:g}, {overconfidence=:g}, {noise=:g}, {seed=}"
    correct = luck < confidence**overconfidence
    return ExitProfile("parametric", confidence.astype(np.float32), correct, f"parametric_profile: {parameters}")
