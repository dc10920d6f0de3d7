"""sb3-contrib: MaskablePPO, which finds the masks of the environment by itself."""

from sb3_contrib import MaskablePPO

import edge_llm_gym  # registers the ids

ID = "EdgeLLM/SingleNode-MultiDiscrete-v0"
STEPS = 3_000

model = MaskablePPO("MlpPolicy", ID, n_steps=1000, batch_size=500, seed=0, device="cpu")
model.learn(STEPS)


def act(observation):
    return model.predict(observation, deterministic=True)[0]
