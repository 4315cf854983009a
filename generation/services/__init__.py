"""What people do with jobs and results. Rights are checked by the views; rules are checked here."""

from generation.preflight import LaunchRefused
from generation.services.launch import launch_job, retry_job
from generation.services.review import (
    DecidedByOther,
    NothingToUndo,
    decide_output,
    recover_output,
    undo_decision,
)
from generation.services.steering import JobMoved, cancel_job, keep_results, resolve_unknown

__all__ = [
    "DecidedByOther",
    "JobMoved",
    "LaunchRefused",
    "NothingToUndo",
    "cancel_job",
    "decide_output",
    "keep_results",
    "launch_job",
    "recover_output",
    "resolve_unknown",
    "retry_job",
    "undo_decision",
]
