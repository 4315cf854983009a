"""Template tags of jobs, presets and verdicts."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from catalog.storage import storage
from generation.engine.breaker import closed_accounts
from generation.models import Decision, JobEvent, Output, Preset, State
from generation.providers.registry import LABELS, is_current
from teams.models import Team
from teams.templatetags.ui import icon

register = template.Library()

_VERDICT_LOOKS: dict[str, tuple[str, str]] = {
    Output.Verdict.WAITING: ("neutral", "circle-dashed"),
    Output.Verdict.APPROVED: ("positive", "circle-check"),
    Output.Verdict.REJECTED: ("negative", "circle-x"),
    Output.Verdict.CHANGES_REQUESTED: ("warning", "message-square-text"),
}


@register.simple_tag
def preset_url(preset: Preset) -> str:
    """The address of our copy of a preset's picture; empty until it was fetched."""
    return storage().url(preset.picture_key) if preset.picture_key else ""


@register.simple_tag
def closed_providers(team: Team) -> list[tuple[str, bool]]:
    """Names of the providers that take no jobs now while jobs of the team wait for them.

    With each whether they go on by themselves: not those of an account that the settings left.
    """
    return sorted(
        {
            (LABELS.get(account.provider, account.provider), is_current(account))
            for account in closed_accounts(team)
        }
    )


@register.filter
def event_facts(event: JobEvent) -> list[tuple[str, str]]:
    """What a step of the history says beside its words: the attempt, and the provider's ids."""
    facts: list[tuple[str, str]] = []
    if event.state == State.SUBMITTING and event.attempt:
        facts.append((_("Attempt %d") % event.attempt, ""))
    is_named = event.before in (State.SUBMITTING, State.UNKNOWN) or event.state == State.READY
    if event.remote_id and is_named:
        facts.append((_("Task"), event.remote_id))
    if event.trace_id and event.trace_id != event.remote_id:
        facts.append((_("Trace"), event.trace_id))
    return facts


@register.simple_tag
def undo_address(team_slug: str, decision: Decision) -> str:
    """Where a decision is taken back."""
    return reverse("generation:output_undo", args=[team_slug, decision.output_id])


@register.filter
def clock(seconds: int) -> str:
    """Seconds as minutes and seconds: "1:05"."""
    return f"{seconds // 60}:{seconds % 60:02d}"


@register.filter
def verdict_tone(verdict: str) -> str:
    """The colour that a verdict wears."""
    return _VERDICT_LOOKS[verdict][0]


@register.simple_tag
def verdict_icon(verdict: str) -> SafeString:
    """The icon of a verdict."""
    return icon(_VERDICT_LOOKS[verdict][1])


@register.filter
def verdict_word(verdict: str) -> str:
    """A verdict in a word."""
    return str(Output.Verdict(verdict).label)


@register.filter
def reason_words(decision: Decision) -> str:
    """The reasons of a request for changes, in words."""
    return ", ".join(str(Decision.Reason(reason).label) for reason in decision.reasons)


@register.filter
def seconds_since(moment: datetime, start: datetime) -> int:
    """Whole seconds from `start` to `moment`."""
    return int((moment - start).total_seconds())


@register.filter
def decision_word(decision: Decision) -> str:
    """What a decision did, for its history."""
    if decision.undoes_id is not None:
        return _("Taken back")
    return verdict_word(decision.verdict)
