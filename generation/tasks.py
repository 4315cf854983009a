"""Celery messages of this app: hints only. Losing or doubling one does no harm."""

from __future__ import annotations

import logging

from celery import shared_task

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def wake_engine() -> None:
    """Have the engine of this worker look at the table now instead of within a second."""
    from generation.engine import wake_running_engine

    wake_running_engine()


def send_wake_hint() -> None:
    """Publish the hint. A dead broker costs a second's delay, never an error."""
    try:
        wake_engine.delay()
    except Exception:
        logger.warning("The engine could not be woken; it will see the work by itself.")
