"""The page of an episode: per epoch the frame and the tables of the view, courses over the epochs, and a slider."""

from collections.abc import Iterator, Sequence
from typing import Final

from edge_llm_gym.rendering.html.course import course
from edge_llm_gym.rendering.html.shot import Shot
from edge_llm_gym.rendering.pictures import PICTURES, loaded
from edge_llm_gym.sheets.html import html_text, page, paragraph, picture, resource, to_html, wide

PACKAGE: Final = "edge_llm_gym.rendering.html"


def episode_page(shots: Sequence[Shot], variant: str, title: str, note: str = "") -> str:
    """The text of a page on at least one played epoch under dynamics of a variant; `note` tells how it was played.

    Without scripts, the page shows all epochs one below the other.
    """
    served = _differences([shot.view.totals.served for shot in shots])
    rewards = [shot.reward for shot in shots]
    epochs = [shot.moment.epoch for shot in shots]
    parts = (
        paragraph(note, "note") if note else "",
        f"<style>{resource(PACKAGE, 'episode.css')}</style>",
        resource(PACKAGE, "controls.html"),
        f'<div class="courses">{course("reward", epochs, rewards)}{course("served requests", epochs, served)}</div>',
        *(_epoch(shot, variant, count) for shot, count in zip(shots, served, strict=True)),
    )
    return page(title, "\n".join(parts), (resource(PACKAGE, "episode.js"),))


def _differences(totals: Sequence[int]) -> list[int]:
    """Requests of each epoch from the sums since the reset, of which the page begins with the first epoch."""
    return [total - before for before, total in zip((0, *totals), totals, strict=False)]


def _epoch(shot: Shot, variant: str, served: int) -> str:
    moment = shot.moment
    when = f"epoch {moment.epoch} of {moment.horizon}, t = {moment.time_s:.1f} s"
    line = html_text(f"{when}: reward {shot.reward:+.2f}, {served} served")
    image = wide(picture(shot.png, f"frame of epoch {moment.epoch}"), "frame")
    parts = "".join((f"<h2>{line}</h2>", image, *_tables(shot, variant)))
    return f'<section class="epoch" data-epoch="{moment.epoch}" aria-label="{line}">{parts}</section>'


def _tables(shot: Shot, variant: str) -> Iterator[str]:
    """Those that have rows."""
    for sheet in loaded(PICTURES[variant].tables)(shot.view):
        yield to_html(sheet) if sheet.rows else paragraph(f"{sheet.title}: none", "note")
