"""Provider accounts and presets, jobs and their attempts, results and decisions."""

from generation.models.jobs import (
    FINAL,
    Attempt,
    Job,
    JobEvent,
    JobInput,
    State,
)
from generation.models.outputs import Output
from generation.models.providers import (
    EngineLease,
    Pool,
    Preset,
    ProviderAccount,
    ProviderFile,
)
from generation.models.review import Decision

__all__ = [
    "FINAL",
    "Attempt",
    "Decision",
    "EngineLease",
    "Job",
    "JobEvent",
    "JobInput",
    "Output",
    "Pool",
    "Preset",
    "ProviderAccount",
    "ProviderFile",
    "State",
]
