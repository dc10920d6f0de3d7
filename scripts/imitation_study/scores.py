"""Scores of clones, experts and what lies between them, on the held-out tapes; kept in files."""

from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from agents.config import TEST_TAPES
from agents.evaluation import evaluate, make_envs
from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import make_codec
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.evaluation.policies import split_settings
from edge_llm_gym.experts import Policy, make_expert
from edge_llm_gym.sb3 import load_policy
from scripts.imitation_study.cases import CASES
from scripts.imitation_study.policies import Agreement, ThroughCodec
from scripts.imitation_study.runs import Clone, Study
from scripts.kept_runs import MODEL, SCORES, changed, expert_score, kept, own_score, score

CODEC_TAPES: Final = 10
"""Tapes on which the codec's own loss is measured, and the clone's agreement with its expert."""


def clone_score(study: Study, clone: Clone) -> Array:
    """[tapes] score of the clone."""
    return _scored(study, clone, clone.folder)


def tuned_score(study: Study, clone: Clone) -> Array:
    """[tapes] score after PPO from the clone."""
    return _scored(study, clone, clone.tuned)


def reference_score(study: Study, clone: Clone) -> Array:
    """[tapes] score of the clone's expert."""
    return expert_score(study.runs, clone.name, clone.config, clone.expert, study.tapes)


def constants_score(study: Study, clone: Clone) -> Array:
    """[tapes] score of the shipped constants, which may be others in the next version."""
    return score(clone.config, study.tapes, partial(load_policy, CASES[clone.name].constants))


def codec_score(study: Study, clone: Clone) -> Array | None:
    """[few tapes] score of the expert through the codec; None for plain weights, which lose nothing."""
    codec, tapes = clone.config.codec, min(study.tapes, CODEC_TAPES)
    if is_streaming(clone):
        return None
    return kept(
        study.runs / f"{clone.name}-others.json",
        f"{clone.expert} through {codec.model_dump_json()} on {tapes} tapes{changed(clone.config)}",
        lambda: score(clone.config, tapes, partial(_through_codec, clone)),
    )


def agreement(study: Study, clone: Clone) -> float | None:
    """The share of the requests that the clone treats as its expert would; None without batches."""
    tapes = min(study.tapes, CODEC_TAPES)
    if is_streaming(clone):
        return None
    same, either = kept(clone.folder / SCORES, f"agreement on {tapes} tapes", lambda: _counts(clone, tapes))
    return float(same / either) if either else None


def is_streaming(clone: Clone) -> bool:
    """Whether the actions of the clone's environment have no batches."""
    return make_envs(clone.config, 1).scenario.dynamics == "streaming"


def _scored(study: Study, clone: Clone, folder: Path) -> Array:
    return own_score(folder, clone.config, study.tapes, partial(load_policy, folder / MODEL))


def _through_codec(clone: Clone, envs: EdgeLLMVectorEnv) -> Policy:
    codec = make_codec(clone.config.codec.name, envs.scenario, **clone.config.codec.settings)
    return ThroughCodec(_expert(clone, envs), codec)


def _counts(clone: Clone, tapes: int) -> Array:
    """[2] requests on the same node, and requests that either of the two serves."""
    envs = make_envs(clone.config, tapes)
    counted = Agreement(load_policy(clone.folder / MODEL, envs), _expert(clone, envs))
    evaluate(envs, counted, TEST_TAPES)
    return np.array([counted.same, counted.either])


def _expert(clone: Clone, envs: EdgeLLMVectorEnv) -> Policy:
    name, settings = split_settings(clone.expert)
    return make_expert(name, envs, seed=TEST_TAPES, **settings)
