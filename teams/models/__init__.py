"""People, teams, credits and the rows that keep promises about them."""

from teams.models.credits import CreditAccount, LedgerEntry
from teams.models.mail import OutgoingMail
from teams.models.people import AuditEntry, Invitation, Membership, Role, Team, User

__all__ = [
    "AuditEntry",
    "CreditAccount",
    "Invitation",
    "LedgerEntry",
    "Membership",
    "OutgoingMail",
    "Role",
    "Team",
    "User",
]
