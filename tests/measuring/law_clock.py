"""A device whose times follow the cost law exactly; the model is not run."""

from edge_llm_gym.measuring.processors import Cpu
from edge_llm_gym.measuring.transformer import Transformer
from tests.measuring.shapes import GATED

P0_S, P1_S_PER_FLOP = 0.05, 2e-7
C0_S, C1_S, C2_S_PER_TOKEN = 0.2, 0.03, 0.0001


def prefill_s(tokens):
    """Seconds of a prefill; FLOPs of the gated shape by hand, with 2 layers, d = 24 and heads of dimension 6."""
    layer = 2 * (2 * 24 * (36 + 12) + 3 * 24 * 40) * tokens + 4 * 36 * tokens**2
    return P0_S + P1_S_PER_FLOP * (2 * layer + 2 * 50 * 24)


def step_s(batch, context):
    """Seconds of a decode iteration."""
    return C0_S + C1_S * batch + C2_S_PER_TOKEN * batch * context


class LawClock(Cpu):
    """Counts the seconds that the cost law gives to what the model is asked for."""

    now = 0.0

    def __init__(self, monkeypatch):
        super().__init__()
        self.name = "law"
        monkeypatch.setattr(Transformer, "prefill", self.prefill)
        monkeypatch.setattr(Transformer, "decode", self.decode)

    def seconds(self, work):
        before = self.now
        work()
        return self.now - before or 1.0  # the limits of the device run no model

    def prefill(self, tokens, cache):
        assert len(tokens) == cache.keys.shape[1] == 1
        self.now += prefill_s(tokens.shape[1])
        return tokens.new_zeros(1, GATED.vocabulary)

    def decode(self, tokens, context, cache):
        assert cache.keys.shape[1] == len(tokens)
        self.now += step_s(len(tokens), context)
        return tokens.new_zeros(len(tokens), GATED.vocabulary)
