"""Log records as JSON."""

import logging

from pythonjsonlogger.json import JsonFormatter as _JsonFormatter


class ContextFilter(logging.Filter):
    """Placeholder."""


class JsonFormatter(_JsonFormatter):
    """Placeholder."""
