"""Generation of tapes of streaming dynamics: service times and exits of the requests."""

from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exits import exit_table
from edge_llm_gym.sim.request_costs import RequestCosts
from edge_llm_gym.sim.streaming.records import StreamingTape
from edge_llm_gym.sim.tape import Episode, ExitGenerator, Generator, TapeGenerator


class StreamingTapeGenerator(TapeGenerator):
    """Draws the episodes of a scenario with streaming dynamics; the first epoch begins before the first arrival."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario, scenario.horizon_epochs)
        self._costs = RequestCosts(scenario)
        self._exits = ExitGenerator(scenario)
        self.exit_table = exit_table(self._exits.profile)

    def _write_rest(self, rng: Generator, episode: Episode, tape: StreamingTape, row: int) -> None:
        arrivals = episode.arrivals
        size, tokens = episode.requests, (arrivals.prompt_tokens, arrivals.output_tokens)
        tape.service_s[row, :size] = self._costs.block_alone_s(*tokens)
        self._exits.write(rng, episode, tape.exits, row)
