"""The operator's side of people and credits, in Django's own admin.

Records of what happened are read-only here. Credits move only through `teams/operator_credits.py`,
by forms that are previewed, confirmed and counted once; each act has a permission of its own.
"""

from teams.admin import (  # noqa: F401  (register themselves)
    audit,
    balances,
    grants,
    invitations,
    ledger,
    mail,
    people,
    requests,
    site,
    teams,
)
from teams.admin.read_only import ReadOnlyAdmin

__all__ = ["ReadOnlyAdmin"]
