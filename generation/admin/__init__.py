"""The operator's side of jobs and providers, in Django's own admin.

Rows are read-only here; jobs change by the services alone, accounts by `generation.operators`.
"""

from generation.admin import (  # noqa: F401
    accounts,
    attempts,
    jobs,
    presets,
    prices,
    reconciliations,
    refunds,
)
