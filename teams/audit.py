"""Writes the audit trail: who did what of consequence, in the transaction that did it."""

from __future__ import annotations

from teams.models import AuditEntry, Team, User


def record(
    *,
    team: Team | None,
    actor: User | str,
    action: str,
    subject: str = "",
    **data: str | int | bool | None,
) -> AuditEntry:
    """Append one entry. `action` is a fixed `thing.verb` word, `subject` whom or what it changed.

    People are kept as text (their e-mail address), so that accounts can be erased later.
    """
    return AuditEntry.objects.create(
        team=team,
        actor=actor.email if isinstance(actor, User) else actor,
        action=action,
        subject=subject[:254],
        data=data,
    )
