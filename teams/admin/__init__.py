"""The operator's side of people and credits, in Django's own admin.

Records of what happened are read-only here. Credits move only through `teams.credits.grant`, by a
form that is previewed, confirmed and counted once.
"""

from teams.admin import audit, balances, invitations, mail, people, site, teams  # noqa: F401
from teams.admin.read_only import ReadOnlyAdmin

__all__ = ["ReadOnlyAdmin"]
