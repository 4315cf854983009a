"""The operator's side of jobs and providers, in Django's own admin.

Rows are read-only here; jobs change by the services alone, accounts by `generation.operators`.
"""

from generation.admin import accounts, attempts, jobs, presets, prices, refunds  # noqa: F401
