"""Template filters of the audit trail."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.models import AuditEntry, CreditRequest, Grant, Role
from teams.templatetags.ledger import MINUS

register = template.Library()

#: How the actions of the audit trail read. Others read as they are written.
ACTIONS: dict[str, str | Promise] = {
    "team.created": gettext_lazy("Team founded"),
    "team.changed": gettext_lazy("Settings changed"),
    "team.second_factor": gettext_lazy("Two-step sign-in of owners"),
    "team.suspended": gettext_lazy("Team suspended"),
    "team.resumed": gettext_lazy("Team at work again"),
    "team.closing": gettext_lazy("Closing begun"),
    "team.closed": gettext_lazy("Team closed"),
    "owner.named": gettext_lazy("Owner named"),
    "invitation.created": gettext_lazy("Invited"),
    "invitation.accepted": gettext_lazy("Invitation accepted"),
    "invitation.revoked": gettext_lazy("Invitation taken back"),
    "member.role_changed": gettext_lazy("Role changed"),
    "member.removed": gettext_lazy("Member removed"),
    "member.left": gettext_lazy("Left the team"),
    "credits.granted": gettext_lazy("Credits granted"),
    "credits.grant_ended": gettext_lazy("Grant ended"),
    "credits.grant_withdrawn": gettext_lazy("Grant withdrawn"),
    "credits.adjusted": gettext_lazy("Balance adjusted"),
    "credits.adjustment_asked": gettext_lazy("Adjustment asked for"),
    "credits.adjustment_declined": gettext_lazy("Adjustment declined"),
    "credits.refunded": gettext_lazy("Credited back"),
    "refund.asked": gettext_lazy("Refund asked for"),
    "refund.granted": gettext_lazy("Refund granted"),
    "refund.declined": gettext_lazy("Refund declined"),
    "budget.set": gettext_lazy("Budget set"),
    "budget.changed": gettext_lazy("Budget changed"),
    "budget.removed": gettext_lazy("Budget removed"),
    "request.made": gettext_lazy("Credits asked for"),
    "request.approved": gettext_lazy("Request for credits approved"),
    "request.declined": gettext_lazy("Request for credits declined"),
    "request.withdrawn": gettext_lazy("Request for credits withdrawn"),
    "person.added": gettext_lazy("Person added"),
    "person.changed": gettext_lazy("Person changed"),
    "job.resolved": gettext_lazy("Job in doubt decided"),
}


@register.filter
def action_words(action: str) -> str:
    """An action as people read it."""
    if action in ACTIONS:
        return str(ACTIONS[action])
    return action.replace(".", ": ").replace("_", " ").capitalize()


@register.filter
def details(entry: AuditEntry) -> list[tuple[str, str]]:
    """What the entry says beside its subject, as names and values that people read."""
    found = []
    # In an order of our own: PostgreSQL keeps none of what was written.
    places = {name: place for place, name in enumerate(_DETAILS)}
    for name, value in sorted(
        entry.data.items(), key=lambda item: (places.get(item[0], len(places)), item[0])
    ):
        if name in _UNSAID or value in ("", None) or (value == 0 and name in _UNSAID_IF_NONE):
            continue
        known = _DETAILS.get(name)
        found.append((str(known) if known else name.replace("_", " "), _words(name, value)))
    return found


#: Ids that lead nowhere from this page, and operators' addresses, which are not the team's business.
_UNSAID = {"grant", "request", "rule", "job", "asked_by"}
_UNSAID_IF_NONE = {"extra_of_member", "extra_of_team"}
_DETAILS: dict[str, str | Promise] = {
    "credits": gettext_lazy("credits"),
    "amount": gettext_lazy("amount"),
    "kind": gettext_lazy("kind"),
    "limit": gettext_lazy("credits a month"),
    "former_limit": gettext_lazy("before credits a month"),
    "warn_at": gettext_lazy("warns at"),
    "former_warn_at": gettext_lazy("before warned at"),
    "is_hard": gettext_lazy("at the limit"),
    "former_is_hard": gettext_lazy("before at the limit"),
    "extra_of_member": gettext_lazy("more this month for the member"),
    "extra_of_team": gettext_lazy("more this month for the team"),
    "addressee": gettext_lazy("sent to"),
    "former_name": gettext_lazy("name before"),
    "former_slug": gettext_lazy("address before"),
    "slug": gettext_lazy("address"),
    "former_time_zone": gettext_lazy("time zone before"),
    "owners_need_it": gettext_lazy("owners need it"),
    "before": gettext_lazy("before"),
    "after": gettext_lazy("now"),
    "task": gettext_lazy("task at the provider"),
}
_DECISIONS: dict[str, str | Promise] = {
    "paste_id": gettext_lazy("task taken over"),
    "run_again": gettext_lazy("run again"),
    "give_up": gettext_lazy("given up"),
}


def _words(name: str, value: object) -> str:
    if name in {"is_hard", "former_is_hard"}:
        return _("no further jobs") if value else _("only a warning")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name in {"warn_at", "former_warn_at"}:
        return f"{value} %"
    if isinstance(value, int):
        return f"{MINUS}{intcomma(-value)}" if value < 0 else str(intcomma(value))
    if name in _CHOICES:
        return str(_CHOICES[name].get(str(value), value))
    return str(value)


_CHOICES: dict[str, Mapping[str, str | Promise]] = {
    "kind": dict(Grant.Kind.choices),
    "role": dict(Role.choices),
    "before": dict(Role.choices),
    "after": dict(Role.choices),
    "addressee": dict(CreditRequest.Addressee.choices),
    "decision": _DECISIONS,
}
