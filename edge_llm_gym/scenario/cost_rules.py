"""Rules on the cost model and the nodes: where times come from."""

from edge_llm_gym.models.hardware_profiles import hardware_profile
from edge_llm_gym.scenario.fields import ScenarioFields
from edge_llm_gym.scenario.sections import EFFICIENCY_FIELDS, NodeSection

MEASURED = "measured"


def profiles_fit_the_cost_model(scenario: ScenarioFields) -> None:
    """With cost "measured", and only then, every node has a hardware profile with its model and quantisation."""
    for node in scenario.nodes:
        if scenario.cost == MEASURED:
            _require_profile(node, scenario.shape.name)
        elif node.hardware_profile is not None:
            raise ValueError(
                f"cost {scenario.cost!r} does not use hardware profiles, got hardware_profile "
                f"{node.hardware_profile!r} at node {node.name!r}; leave it out, or choose cost {MEASURED!r}"
            )


def _require_profile(node: NodeSection, model: str) -> None:
    if node.hardware_profile is None:
        raise ValueError(
            f"cost {MEASURED!r} needs a hardware_profile of every node, and node {node.name!r} has none; name a "
            f"shipped profile or a file written by `edge-llm-gym fit`"
        )
    if given := [key for key in EFFICIENCY_FIELDS if getattr(node, key) is not None]:
        raise ValueError(
            f"cost {MEASURED!r} takes all times from the hardware profile, got {' and '.join(given)} at node "
            f"{node.name!r}; leave {'it' if len(given) == 1 else 'them'} out"
        )
    try:
        profile = hardware_profile(node.hardware_profile)
        node.measured_times(model)
    except (OSError, ValueError) as error:
        raise ValueError(f"hardware_profile of node {node.name!r}: {error}") from error
    if profile.device_count != node.count:
        raise ValueError(
            f"the hardware profile {node.hardware_profile!r} holds times of {profile.device_count} device(s), and node "
            f"{node.name!r} has count {node.count}; use a profile that was timed on as many devices"
        )
