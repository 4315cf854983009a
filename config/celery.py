"""The Celery app: messages are hints about rows, so losing or doubling one does no harm."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("diptych")
