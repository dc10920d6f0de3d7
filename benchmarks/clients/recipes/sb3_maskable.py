"""sb3-contrib: MaskablePPO, which finds the masks of the environment by itself."""

from sb3_contrib import MaskablePPO

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-MultiDiscrete-v0"
STEPS = 20_000

model = MaskablePPO("MlpPolicy", ID, seed=0, device="cpu")
model.learn(STEPS)


def act(observation):
    return model.predict(observation, deterministic=True)[0]
