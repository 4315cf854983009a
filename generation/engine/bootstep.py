"""Starts the engine with a Celery worker and stops it before the worker ends."""

from __future__ import annotations

from typing import Any

from celery import bootsteps

from generation.engine.engine import Engine


class EngineStep(bootsteps.StartStopStep):
    """One engine per worker process, in a thread beside the pool. SIGTERM drains its submits."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._engine: Engine | None = None

    def include_if(self, parent: Any) -> bool:
        """Not for a worker that reads `media` alone: it is there to decode pictures."""
        return "default" in parent.app.amqp.queues.consume_from

    def start(self, parent: Any) -> None:
        """Called when the worker's pool is up."""
        self._engine = Engine()
        self._engine.start()

    def stop(self, parent: Any) -> None:
        """Called on warm shutdown, before the pool ends."""
        if self._engine is not None:
            self._engine.stop()
            self._engine = None

    def terminate(self, parent: Any) -> None:
        """Called on cold shutdown. Rows tell the next engine what was under way."""
        if self._engine is not None:
            self._engine.stop(wait=False)
            self._engine = None
