"""Template tags of jobs, presets and verdicts."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.storage import storage
from generation.engine.breaker import closed_accounts
from generation.models import Decision, Job, Output, Preset, RefundRequest
from generation.providers.registry import LABELS, is_current
from generation.services.refunds import may_ask
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


@register.simple_tag
def undo_address(team_slug: str, decision: Decision) -> str:
    """Where a decision is taken back."""
    return reverse("generation:output_undo", args=[team_slug, decision.output_id])


@register.simple_tag
def refund_cases(job: Job, may_launch: bool) -> list[tuple[Output, RefundRequest | None]]:
    """The results whose credits were asked back, or can be by this reader now, with the request.

    Needs `outputs` prefetched with `refund_request`.
    """
    at = now()
    cases = []
    for output in job.outputs.all():
        asked = getattr(output, "refund_request", None)
        if asked or (may_launch and may_ask(output, job, at)):
            cases.append((output, asked))
    return cases


@register.filter
def clock(seconds: int) -> str:
    """Seconds as minutes and seconds: "1:05"; from an hour on "2:01:05"."""
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}:{seconds:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


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
