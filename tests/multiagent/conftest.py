"""Multi-agent tests run over every registered environment."""

import pytest

from edge_llm_gym.registration import ENVIRONMENTS

EXPERTS = {
    "EdgeLLM/SingleNode-v0": "dftsp",
    "EdgeLLM/MultiNode-v0": "ot-gah",
    "EdgeLLM/EarlyExit-v0": "dto-ee",
    "EdgeLLM/Joint-v0": "ot-gah+dto-ee",
    "EdgeLLM/Continuous-v0": "ot-gah",
}


@pytest.fixture(params=list(ENVIRONMENTS))
def environment(request) -> str:
    return request.param


@pytest.fixture
def expert(environment) -> str:
    """An expert of the environment."""
    return EXPERTS[environment]
