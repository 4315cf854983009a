"""Where Celery finds the naive design: its tasks decode pictures with the product's settings."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
django.setup()

from benchmarks.naive import app  # noqa: E402

__all__ = ["app"]
