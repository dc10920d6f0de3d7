"""Rules that span sections of a scenario, by dynamics. Each raises ValueError if it is violated."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from edge_llm_gym.messages import quoted
from edge_llm_gym.models.cost import kv_bytes
from edge_llm_gym.models.exits import exit_profile
from edge_llm_gym.models.llm import weight_bytes
from edge_llm_gym.names import known_name
from edge_llm_gym.scenario.cost_rules import profiles_fit_the_cost_model
from edge_llm_gym.scenario.fields import ScenarioFields
from edge_llm_gym.scenario.sections import NodeSection
from edge_llm_gym.scenario.size_rules import duration_is_exact, episode_fits_the_memory, fading_is_correlated
from edge_llm_gym.units import GIGA
from edge_llm_gym.workload.config import Keys
from edge_llm_gym.workload.factory import sources_fit

Rule = Callable[[ScenarioFields], None]

DYNAMICS_KEYS: Final[Mapping[str, Keys]] = MappingProxyType(
    {
        "batching": Keys(needed=("uplink_slot_s", "downlink_slot_s"), optional=("slots", "batching")),
        "streaming": Keys(needed=("exits",), optional=("links",)),
        "batching_routing": Keys(needed=("uplink_slot_s", "downlink_slot_s", "exits"), optional=("slots", "links")),
    }
)


def unused_keys(dynamics: str) -> set[str]:
    """Keys at the top of a scenario that only other dynamics use."""
    known = {key for keys in DYNAMICS_KEYS.values() for key in (*keys.needed, *keys.optional)}
    return known - {*DYNAMICS_KEYS[dynamics].needed, *DYNAMICS_KEYS[dynamics].optional}


def keys_fit(scenario: ScenarioFields) -> None:
    """A scenario gives the keys that its dynamics require, and none that only other dynamics use.

    A key is given if it is set, also to a value that equals the default; null sets nothing.
    """
    given = {key for key in scenario.model_fields_set if getattr(scenario, key) is not None}
    if missing := [key for key in DYNAMICS_KEYS[scenario.dynamics].needed if key not in given]:
        raise ValueError(
            f"dynamics {scenario.dynamics!r} needs {' and '.join(missing)}, not given here; add what is missing"
        )
    for key in sorted(given & unused_keys(scenario.dynamics)):
        raise ValueError(f"dynamics {scenario.dynamics!r} does not use {key}; leave it out")


def slots_fit_the_epoch(scenario: ScenarioFields) -> None:
    """Both radio slots leave time to compute in every epoch."""
    radio_s = scenario.uplink_slot_s + scenario.downlink_slot_s
    if radio_s >= scenario.epoch_s:
        raise ValueError(
            f"uplink_slot_s + downlink_slot_s must be shorter than epoch_s, got {radio_s:g} s in an epoch of "
            f"{scenario.epoch_s:g} s; shorten the slots or lengthen the epoch"
        )


def slots_carry_the_payload(scenario: ScenarioFields) -> None:
    """A radio slot of 0 s is only possible where requests carry no bits in its direction."""
    requests = scenario.requests
    for key, payload in (("uplink_slot_s", requests.uplink_payload), ("downlink_slot_s", requests.downlink_payload)):
        has_bits = requests.bits_per_token > 0 or payload.probability * payload.bits[1] > 0
        if has_bits and getattr(scenario, key) == 0:
            raise ValueError(
                f"{key} must be above 0 where requests carry bits, got 0: every request would be refused; choose a "
                f"length, or set requests.bits_per_token to 0 and the probability of the payload too"
            )


def names_differ(scenario: ScenarioFields) -> None:
    """No two nodes share a name."""
    names = [node.name for node in scenario.nodes]
    if len(set(names)) < len(names):
        raise ValueError(f"node names must differ from one another, got {quoted(names)}")


def whole_model_everywhere(scenario: ScenarioFields) -> None:
    """Every node hosts the whole model."""
    for node in scenario.nodes:
        if node.blocks is not None:
            raise ValueError(
                f"dynamics {scenario.dynamics!r} hosts the whole model on every node, got blocks {list(node.blocks)} "
                f"at node {node.name!r}; leave blocks out"
            )


def nodes_keep_their_speed(scenario: ScenarioFields) -> None:
    """Every node keeps its speed."""
    for node in scenario.nodes:
        if node.slowdown is not None:
            raise ValueError(
                f"only dynamics 'streaming' supports slowdowns, got one of node {node.name!r} under "
                f"dynamics {scenario.dynamics!r}; leave slowdown out"
            )


def every_node_has_radio(scenario: ScenarioFields) -> None:
    """Devices reach every node by radio."""
    for node in scenario.nodes:
        _require_radio(node)


def entry_nodes_come_first(scenario: ScenarioFields) -> None:
    """First-stage nodes are listed first, so that batch k means node k, and each of them has radio bands."""
    entry = scenario.network.entry_nodes
    for position, index in enumerate(entry.tolist()):
        if position != index:
            raise ValueError(
                f"dynamics 'batching_routing' lists the nodes of the first stage first, got "
                f"{scenario.nodes[position].name!r} before {scenario.nodes[index].name!r}; sort nodes by blocks"
            )
        _require_radio(scenario.nodes[index])


def entry_nodes_have_radio(scenario: ScenarioFields) -> None:
    """Every first-stage node has radio bands, and the spectral efficiency of channels is never 0."""
    for index in scenario.network.entry_nodes:
        _require_radio(scenario.nodes[index])
    floor, cap = scenario.channel.spectral_efficiency_floor, scenario.channel.spectral_efficiency_cap
    if not 0 < floor <= cap:
        raise ValueError(
            f"dynamics 'streaming' needs a channel.spectral_efficiency_floor above 0 and at most the cap of {cap:g}, "
            f"got {floor:g}: a transmission at 0 bit/s/Hz would never end"
        )


def _require_radio(node: NodeSection) -> None:
    if not (node.uplink_hz > 0 and node.downlink_hz > 0):
        raise ValueError(
            f"devices reach node {node.name!r} by radio, so its uplink_hz and downlink_hz must be above 0, got "
            f"{node.uplink_hz:g} and {node.downlink_hz:g}"
        )


def weights_fit_every_node(scenario: ScenarioFields) -> None:
    """The weights that a node hosts take less than its usable memory."""
    for index, node in enumerate(scenario.nodes):
        shape = scenario.hosted_shape(index)
        method = node.method(shape.name)
        needed = weight_bytes(shape, method.weight_bits, method.table_bits)
        if needed >= node.usable_bytes:
            raise ValueError(
                f"the weights must fit in the usable memory of every node: {shape.name} as {method.name} takes "
                f"{needed / GIGA:.2f} GB, node {node.name!r} has {node.usable_bytes / GIGA:.2f} GB; "
                f"choose fewer weight bits, a smaller model or a larger node"
            )


def longest_request_fits_every_node(scenario: ScenarioFields) -> None:
    """The memory of every node holds its weights and the KV cache of one request of maximum length."""
    limits = scenario.lengths
    for index, node in enumerate(scenario.nodes):
        shape, method = scenario.hosted_shape(index), node.method(scenario.shape.name)
        cache = float(kv_bytes(shape, limits.max_prompt_tokens, limits.max_output_tokens, method.kv_bits))
        capacity = node.usable_bytes - weight_bytes(shape, method.weight_bits, method.table_bits)
        if cache > capacity:
            raise ValueError(
                f"a request of {limits.max_prompt_tokens} + {limits.max_output_tokens} tokens needs {cache / GIGA:.3g} "
                f"GB of KV cache, but node {node.name!r} has {capacity / GIGA:.3g} GB left beside its weights; shorten "
                f"lengths, or choose a larger node"
            )


def lengths_are_known(scenario: ScenarioFields) -> None:
    """Output lengths are known when a request is routed."""
    sigma = scenario.lengths.prediction.sigma
    if sigma > 0:
        raise ValueError(
            f"dynamics {scenario.dynamics!r} does not use length predictions, got lengths.prediction.sigma {sigma:g}; "
            f"leave lengths.prediction out"
        )


def blocks_cover_the_model(scenario: ScenarioFields) -> None:
    """The blocks add up to the model's layers, and the exit profile has one exit for each."""
    assert scenario.exits is not None
    blocks, layers = scenario.exits.blocks, scenario.shape.layers
    if sum(blocks) != layers:
        raise ValueError(
            f"exits.blocks must add up to the {layers} layers of {scenario.shape.name}, got {list(blocks)}, which add "
            f"up to {sum(blocks)}"
        )
    try:
        profile = exit_profile(scenario.exits.profile)
    except (OSError, TypeError) as error:
        raise ValueError(f"exits.profile: {error}") from error
    if profile.exits != len(blocks):
        raise ValueError(
            f"exits.blocks must list one block for each of the {profile.exits} exits of profile "
            f"{scenario.exits.profile!r}, got {len(blocks)} blocks"
        )


def workload_has_its_sources(scenario: ScenarioFields) -> None:
    """A trace of lengths is named where arrivals do not bring their own, and only there."""
    sources_fit(scenario.arrivals, scenario.lengths)


def reward_terms_are_metrics(scenario: ScenarioFields) -> None:
    """Every term of the reward is a metric."""
    for term in scenario.reward:
        known_name("reward term", term, scenario.metrics)


RULES_OF_ALL: Final = (workload_has_its_sources, duration_is_exact, fading_is_correlated, episode_fits_the_memory)
RULES: Final[Mapping[str, tuple[Rule, ...]]] = MappingProxyType(
    {
        "batching": (
            keys_fit,
            slots_fit_the_epoch,
            slots_carry_the_payload,
            whole_model_everywhere,
            nodes_keep_their_speed,
            every_node_has_radio,
            weights_fit_every_node,
            names_differ,
            profiles_fit_the_cost_model,
            reward_terms_are_metrics,
            *RULES_OF_ALL,
        ),
        "batching_routing": (
            keys_fit,
            slots_fit_the_epoch,
            slots_carry_the_payload,
            names_differ,
            nodes_keep_their_speed,
            blocks_cover_the_model,
            entry_nodes_come_first,
            weights_fit_every_node,
            longest_request_fits_every_node,
            profiles_fit_the_cost_model,
            reward_terms_are_metrics,
            *RULES_OF_ALL,
        ),
        "streaming": (
            keys_fit,
            names_differ,
            lengths_are_known,
            blocks_cover_the_model,
            entry_nodes_have_radio,
            weights_fit_every_node,
            longest_request_fits_every_node,
            profiles_fit_the_cost_model,
            reward_terms_are_metrics,
            *RULES_OF_ALL,
        ),
    }
)
