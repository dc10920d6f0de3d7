"""Draws the tape of streaming dynamics."""

from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_rows import ProfileRows
from edge_llm_gym.sim.request_costs import RequestCosts, forward_bits, hosted_blocks
from edge_llm_gym.sim.streaming.records import StreamingTape
from edge_llm_gym.sim.tape import Generator, TapeGenerator
from edge_llm_gym.workload.workload import Arrivals


class StreamingTapeGenerator(TapeGenerator):
    """Draws the episodes of a scenario of streaming dynamics; the first epoch begins before anybody has arrived."""

    def __init__(self, scenario: Scenario) -> None:
        assert scenario.exits is not None
        super().__init__(scenario, scenario.network.entry_nodes, scenario.horizon_epochs)
        self.hosted = hosted_blocks(scenario)
        self._costs = RequestCosts(scenario)
        self._rows = ProfileRows(scenario.exits)
        self.profile = self._rows.profile

    def _write_rest(self, rng: Generator, arrivals: Arrivals, tape: StreamingTape, row: int) -> None:
        size, tokens = arrivals.arrival_s.size, (arrivals.prompt_tokens, arrivals.output_tokens)
        tape.route[row, :size] = rng.random((size, tape.route.shape[2]))
        self._rows.write(rng, arrivals.arrival_s, tape.confidence[row], tape.correct[row])
        tape.service_s[row, :size] = self._costs.block_alone_s(*tokens)
        tape.forward_bits[row, :size] = forward_bits(self.scenario, *tokens)
