"""Provider accounts and presets, jobs and their attempts, results, decisions, prices and sums."""

from generation.models.jobs import (
    FINAL,
    Attempt,
    Job,
    JobEvent,
    JobInput,
    State,
)
from generation.models.outputs import Output
from generation.models.prices import PriceRule
from generation.models.providers import (
    EngineLease,
    Pool,
    Preset,
    ProviderAccount,
    ProviderFile,
)
from generation.models.reconciliation import BalanceReading, Reconciliation
from generation.models.refunds import RefundRequest
from generation.models.review import Decision
from generation.models.usage import UsageDay

__all__ = [
    "FINAL",
    "Attempt",
    "BalanceReading",
    "Decision",
    "EngineLease",
    "Job",
    "JobEvent",
    "JobInput",
    "Output",
    "Pool",
    "Preset",
    "PriceRule",
    "ProviderAccount",
    "ProviderFile",
    "Reconciliation",
    "RefundRequest",
    "State",
    "UsageDay",
]
