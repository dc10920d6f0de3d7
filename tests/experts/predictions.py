"""An assertion about the actions of experts of all dynamics."""

import gymnasium

from edge_llm_gym.experts import make_expert
from tests.equality import assert_same

ROWS = 3


def assert_actions_fit_single_and_batched(environment, name, epochs):
    """Actions lie in the action space, and an expert of many rows acts as one expert per row."""
    envs = gymnasium.make_vec(environment, num_envs=ROWS, vectorization_mode="vector_entry_point")
    observations, _ = envs.reset(seed=0)
    experts = [make_expert(name, envs, seed=row) for row in range(ROWS + 1)]
    states = [None] * (ROWS + 1)
    for _ in range(epochs):
        batched, states[ROWS] = experts[ROWS].predict(observations, states[ROWS])
        assert envs.action_space.contains(batched)
        for row in range(ROWS):
            alone = {key: value[row] for key, value in observations.items()}
            action, states[row] = experts[row].predict(alone, states[row])
            assert envs.single_action_space.contains(action)
            if name != "random":
                assert_same(action, {key: value[row] for key, value in batched.items()})
        observations, *_ = envs.step(batched)
