"""The project: settings, routes, processes. Exports the Celery app, as Celery's Django guide asks."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
