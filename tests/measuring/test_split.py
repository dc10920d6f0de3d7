"""Which points of a grid are held out."""

from itertools import product

from edge_llm_gym.measuring.split import split
from edge_llm_gym.models.timings import Timing


def timing(kind, batch, tokens):
    return Timing("device", "model", 16, kind, batch, tokens, 1.0)


def test_points_alternate_along_both_sides_of_the_grid():
    decodes = {(b, c): timing("decode", b, c) for b, c in product((1, 2, 4), (64, 128, 256))}
    prefills = {tokens: timing("prefill", 1, tokens) for tokens in (64, 128, 256, 512)}
    batch = Timing("device", "model", 16, "batch", 1, None, 1.0, (5,), (7,))
    fitted, held_out = split([batch, *decodes.values(), *prefills.values()])
    by_hand = [(1, 128), (2, 64), (2, 256), (4, 128)]
    assert held_out == [prefills[128], prefills[512], *(decodes[point] for point in by_hand)]
    assert fitted == [prefills[64], prefills[256], *(decodes[point] for point in decodes if point not in by_hand)]
