"""Small shapes: gated with grouped queries, wide heads and an untied output head; plain with a tied one."""

from edge_llm_gym.models.llm import ModelShape

GATED = ModelShape("gated", 2, 24, 6, 2, 40, True, 50, False, head_dim=6)
PLAIN = ModelShape("plain", 3, 16, 4, 4, 64, False, 30, True)
