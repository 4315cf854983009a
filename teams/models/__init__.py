"""People, teams, credits and the rows that keep promises about them."""

from teams.models.budgets import Budget, BudgetPeriod, BudgetUse
from teams.models.credits import CreditAccount, LedgerEntry
from teams.models.grants import Grant, HoldUse
from teams.models.ledger_checks import LedgerCheck
from teams.models.mail import OutgoingMail
from teams.models.people import AuditEntry, Invitation, Membership, Role, Team, User
from teams.models.requests import CreditRequest, PendingAdjustment

__all__ = [
    "AuditEntry",
    "Budget",
    "BudgetPeriod",
    "BudgetUse",
    "CreditAccount",
    "CreditRequest",
    "Grant",
    "HoldUse",
    "Invitation",
    "LedgerCheck",
    "LedgerEntry",
    "Membership",
    "OutgoingMail",
    "PendingAdjustment",
    "Role",
    "Team",
    "User",
]
