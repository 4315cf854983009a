"""Template filters of the audit trail."""

from __future__ import annotations

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.models import AuditEntry, Role

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
    "credits.adjusted": gettext_lazy("Credits corrected"),
    "credits.adjustment_asked": gettext_lazy("Correction asked for"),
    "credits.adjustment_declined": gettext_lazy("Correction declined"),
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
    return [
        (name.replace("_", " "), _words(value))
        for name, value in entry.data.items()
        if value not in ("", None)
    ]


def _words(value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(dict(Role.choices).get(str(value), value))
