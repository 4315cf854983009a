"""The Celery app: messages are hints about rows, so losing or doubling one does no harm."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals

from config import logs, transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("diptych")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# By name, so that a web process that only sends hints never loads the engine.
app.steps["worker"].add("generation.engine.bootstep.EngineStep")

#: How a message names the request that caused it.
_REQUEST_HEADER = "diptych_request"


@signals.setup_logging.connect
def keep_logging_of_django(**kwargs: Any) -> None:
    """Celery sets up no logging of its own while somebody listens to this signal."""


@signals.worker_shutting_down.connect
def wait_for_no_more_messages(**kwargs: Any) -> None:
    """Let a worker that reads from files end without waiting for its next poll."""
    transport.stopping.set()


@signals.before_task_publish.connect
def name_the_request(headers: dict[str, Any], **kwargs: Any) -> None:
    """Let the worker's log lines carry the id of the request that asked for the work."""
    if request_id := logs.request_id.get():
        headers[_REQUEST_HEADER] = request_id


@signals.task_prerun.connect
def enter_task(task_id: str, task: Any, **kwargs: Any) -> None:
    """Put the task and its request on every log line until it ends."""
    logs.task.set(task.name)
    logs.request_id.set(getattr(task.request, _REQUEST_HEADER, None) or "")


@signals.task_postrun.connect
def leave_task(**kwargs: Any) -> None:
    """Threads of the pool are used again; the next task starts clean."""
    logs.task.set("")
    logs.request_id.set("")
