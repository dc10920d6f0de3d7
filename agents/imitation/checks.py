"""What an imitation can be asked for; checked before the folder of its run is begun."""

from agents.config import ON_POLICY, RunConfig
from agents.imitation.lookahead import check_lookahead
from agents.imitation.losses import LOSSES
from edge_llm_gym.settings import ConfigError


def check_imitation(config: RunConfig) -> None:
    """Checks the imitation of a configuration, if it has one.

    Raises ConfigError for an algorithm without a distribution of actions to fit, a codec without a loss, a policy that
    does not read the state, settings of a lookahead as `check_lookahead` does, and a lookahead without another expert
    to report beside it.
    """
    if config.imitation is None:
        return
    if config.algorithm not in ON_POLICY or config.codec.name not in LOSSES:
        raise ConfigError(
            f"imitation needs an actor-critic algorithm ({', '.join(ON_POLICY)}) and a codec among {list(LOSSES)}, got "
            f"{config.algorithm!r} with {config.codec.name!r}"
        )
    if config.policy.kind == "constant":
        raise ConfigError(
            "imitation needs a policy that reads the state, got policy.kind 'constant'; write policy: {kind: set} or "
            "{kind: mlp}"
        )
    if check_lookahead(config.codec.name, config.imitation) and config.evaluation.expert is None:
        raise ConfigError("an imitation of lookahead reports its scores beside an expert; name it as evaluation.expert")
