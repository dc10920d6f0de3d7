"""Published rates of single sequences, from which efficiencies of the hardware catalogue follow.

Decode: tokens per s while `output` tokens are generated from an empty context. Prompt: tokens per s of a prefill.
Sources: the rows' `source`. The apple-m1 has 7 of 8 GPU cores here; its peak is that of 7.
"""

from typing import NamedTuple

from edge_llm_gym.models.catalogue import QuantizationSection

Q4_0 = QuantizationSection(name="q4_0", weight_bits=4.5, table_bits=6.5625, lossless=True)
MLX_4BIT = QuantizationSection(name="mlx-4bit", weight_bits=4.5, table_bits=4.5, lossless=True)


class Rate(NamedTuple):
    device: str
    model: str
    method: str | QuantizationSection
    output: int
    decode_per_s: float | None
    prompt: int = 512
    prompt_per_s: float | None = None
    peak_share: float = 1.0


RATES = (
    Rate("nvidia-rtx-3090", "llama-3-8b", "fp16", 512, 47.40, 512, 4444.65),
    Rate("nvidia-rtx-4090", "llama-3-8b", "fp16", 512, 54.84, 512, 9382.0),
    Rate("nvidia-l40s", "llama-3-8b", "fp16", 512, 43.69),
    Rate("apple-m1", "llama-3-8b", "q4_k_m", 512, 10.20, 512, 94.48, 7 / 8),
    Rate("apple-m1-max", "llama-3-8b", "fp16", 512, 18.75, 512, 517.34),
    Rate("apple-m1-ultra", "llama-3.2-3b", "q4_k_m", 128, None, 512, 2142.59),
    Rate("apple-m2-pro", "llama-3.1-8b", "q8_0", 128, 22.0),
    Rate("apple-m2-ultra", "llama-3-8b", "fp16", 512, 36.90, 512, 1175.40),
    Rate("apple-m3", "llama-2-7b", Q4_0, 256, 20.79, 512, 184.51),
    Rate("apple-m3-max", "llama-3-8b", "fp16", 512, 22.04, 512, 769.84),
    Rate("apple-m3-ultra", "llama-3.1-8b", MLX_4BIT, 128, 119.39),
    Rate("apple-m4", "llama-3.1-8b", "q4_k_m", 128, 20.87, 512, 224.81),
    Rate("raspberry-pi-5", "llama-3.2-3b", "q4_k_m", 256, 4.88),
    Rate("raspberry-pi-5", "llama-3.1-8b", "q4_k_m", 256, 2.17),
)
