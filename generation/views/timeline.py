"""The history of one job as its page tells it: one row for each step, from where, to where and why."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from generation.models import Job, JobEvent, State

#: Of a long history the beginning and the end are shown.
FIRST_STEPS = 5
NEWEST_STEPS = 40

_NAMES_NO_TASK = (State.QUEUED, State.PREPARING, State.COLLECTING)
"""A step out of these was not about the provider's task, so its id would only repeat itself."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: from `before` to `after`, or words in `after` alone for a note without a move.

    `why` may be empty. `left_out` tells how many steps before this one are not shown.
    """

    event: JobEvent
    before: str
    after: str
    why: str = ""
    left_out: int = 0

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The attempt, and the provider's ids, as (word, id)."""
        event = self.event
        facts: list[tuple[str, str]] = []
        if event.attempt:
            facts.append((_("Attempt %d") % event.attempt, ""))
        if event.remote_id and event.before not in _NAMES_NO_TASK:
            facts.append((_("Task"), event.remote_id))
        if event.trace_id and event.trace_id != event.remote_id:
            facts.append((_("Trace"), event.trace_id))
        return facts


def timeline_of(job: Job) -> list[Step]:
    """The steps of a job in order; of a very long history the first and the newest ones."""
    events, left_out = _events(job)
    steps: list[Step] = []
    last = ""
    for place, event in enumerate(events):
        gap = left_out if place == FIRST_STEPS else 0
        before = event.before or last
        after = str(State(event.state).label)
        if not place and not event.before:
            steps.append(Step(event, _("Launched"), after, event.note))
        elif before == event.state and event.note:
            steps.append(Step(event, "", event.note, left_out=gap))
        else:
            steps.append(Step(event, _label(before), after, event.note, gap))
        last = event.state
    return steps


def _events(job: Job) -> tuple[list[JobEvent], int]:
    most = FIRST_STEPS + NEWEST_STEPS
    events = list(job.events.all()[: most + 1])
    if len(events) <= most:
        return events, 0
    newest = list(job.events.order_by("-at", "-pk")[:NEWEST_STEPS])
    return [*events[:FIRST_STEPS], *reversed(newest)], job.events.count() - most


def _label(state: str) -> str:
    return str(State(state).label) if state else ""
