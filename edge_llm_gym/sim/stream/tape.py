"""Draws the tape of stream admission."""

from edge_llm_gym.sim.block_costs import BlockTimes, forward_bits, hosted_blocks
from edge_llm_gym.sim.drift import ProfileRows
from edge_llm_gym.sim.recording import Generator, Recorder
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.stream.state import StreamTape


class StreamRecorder(Recorder):
    """Draws the episodes of a scenario of stream admission; the first epoch begins before anybody has arrived."""

    def __init__(self, scenario: Scenario) -> None:
        assert scenario.exits is not None
        super().__init__(scenario, scenario.network.entry_nodes, scenario.horizon_epochs)
        self.hosted = hosted_blocks(scenario)
        self._times = BlockTimes(scenario)
        self._rows = ProfileRows(scenario.exits)
        self.profile = self._rows.profile

    def _write_rest(self, rng: Generator, tape: StreamTape, row: int, size: int) -> None:
        tape.route[row, :size] = rng.random((size, tape.route.shape[2]))
        chosen = self._rows.draw(rng, tape.arrival_s[row, :size])
        tape.confidence[row, :size] = self.profile.confidence[chosen]
        tape.correct[row, :size] = self.profile.correct[chosen]
        prompt, output = tape.prompt_tokens[row, :size], tape.output_tokens[row, :size]
        tape.service_s[row, :size] = self._times.alone_s(prompt, output)
        tape.forward_bits[row, :size] = forward_bits(self.scenario, prompt, output)
