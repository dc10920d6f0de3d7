"""Tables of streaming dynamics: nodes, exits, links."""

from edge_llm_gym.rendering.html.exits import exit_table, number, optional
from edge_llm_gym.rendering.streaming.view import StreamingView
from edge_llm_gym.sheets import Column, Sheet, make_sheet


def streaming_tables(view: StreamingView) -> list[Sheet]:
    """Tables of streaming dynamics."""
    return [_nodes(view), exit_table(view), _links(view)]


def _nodes(view: StreamingView) -> Sheet:
    rows = (
        (
            node.name,
            number(node.stage),
            optional(node.threshold, ".2f"),
            number(node.sent),
            number(node.utilisation, ".0%"),
            number(node.open_visits),
            number(node.committed_s, ".1f"),
            number(node.speed, ".0%"),
        )
        for node in view.nodes
    )
    columns = ("node", "stage", "threshold", "sent", "busy", "to finish", "committed [s]", "speed")
    return make_sheet("nodes", columns, rows)


def _links(view: StreamingView) -> Sheet:
    devices = len(view.devices)
    rows = (
        (_sender(view, flow.sender, devices), view.nodes[flow.node].name, number(flow.requests)) for flow in view.flows
    )
    columns = ("sender", Column("node", "left"), "requests")
    return make_sheet("links in use in the last epoch", columns, rows)


def _sender(view: StreamingView, sender: int, devices: int) -> str:
    return f"device {sender}" if sender < devices else view.nodes[sender - devices].name
