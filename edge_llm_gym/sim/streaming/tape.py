"""Generation of tapes of streaming dynamics: service times and exits of the requests."""

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.entries import Entries
from edge_llm_gym.sim.exits import exit_table
from edge_llm_gym.sim.request_costs import RequestCosts
from edge_llm_gym.sim.streaming.records import StreamingTape
from edge_llm_gym.sim.tape import ExitGenerator, TapeGenerator


class StreamingTapeGenerator(TapeGenerator):
    """Draws the episodes of a scenario with streaming dynamics; the first epoch begins before the first arrival."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario, scenario.horizon_epochs)
        self._costs = RequestCosts(scenario)
        self._exits = ExitGenerator(scenario)
        self.exit_table = exit_table(self._exits.profile)

    def _write_rest(self, entries: Entries, predicted: Array, tape: StreamingTape) -> None:
        tokens = entries.prompt_tokens, entries.output_tokens
        self._costs.write_block_alone_s(*tokens, entries.first, tape.service_s, entries.rows)
        self._exits.write(entries, tape.exits)
