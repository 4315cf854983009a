"""Log lines: one JSON object each (or plain text), with the request and task, without secrets.

Code that knows a job or a provider's trace id passes it with the record:
`logger.info("Submitted.", extra={"job": str(job.pk), "trace": trace_id})`.
"""

from __future__ import annotations

import logging
import os
import re
from contextvars import ContextVar
from functools import cache
from typing import Any, TextIO

from django.conf import settings
from pythonjsonlogger.json import JsonFormatter as _JsonFormatter

from config import lifeline

#: Id of the HTTP request being answered, or of the one that caused the running task.
request_id: ContextVar[str] = ContextVar("request_id", default="")
#: Name of the running Celery task.
task: ContextVar[str] = ContextVar("task", default="")

#: Begins a line that the supervisor shows and does not store. No log line begins with it.
TERMINAL_MARK = "\x1e"

#: Line breaks by any name, escapes, and marks that turn the direction of writing.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_HIDDEN = "[hidden]"
_NAMES = (
    r"[\w-]*(?:password|passwd|secret|api[_-]?key|apikey|access[_-]?key|authorization|cookie"
    r"|csrfmiddlewaretoken|sessionid|csrftoken)[\w-]*"
)
#: Patterns of what never belongs in a log, each with what stands there instead.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*):[^\s/@\"']+@", re.IGNORECASE), r"\1:***@"),
    # key=value, key: value, "key": "value", 'key': 'value', also with escaped quotes.
    (
        re.compile(rf"(\b{_NAMES}\\?[\"']?\s*[=:]\s*\\?[\"'])((?:(?!\\?[\"']).)+)", re.IGNORECASE),
        rf"\1{_HIDDEN}",
    ),
    (
        re.compile(rf"(\b{_NAMES}\s*=\s*)(?!\\?[\"'])[^\s&,;\"'\\)]+", re.IGNORECASE),
        rf"\1{_HIDDEN}",
    ),
    (
        re.compile(
            rf"(\b{_NAMES}\s*:\s+)(?!\\?[\"']|{re.escape(_HIDDEN)}|Bearer|Basic)[^\s,;\"'\\)]+",
            re.I,
        ),
        rf"\1{_HIDDEN}",
    ),
    # Addresses that are permissions by themselves.
    (re.compile(r"(X-Amz-(?:Signature|Credential|Security-Token)=)[^\s&\"'\\]+"), rf"\1{_HIDDEN}"),
    (
        re.compile(r"(/(?:files|uploads/local|invitations|hooks/fashn)/)[\w:.~%=-]+"),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"(/password/reset/key/)(?!done)[\w-]+"), rf"\1{_HIDDEN}"),
)
_SECRET_SETTINGS = (
    "SECRET_KEY",
    "SELLERPIC_API_KEY",
    "FASHN_API_KEY",
    "PROVIDER_KEY_SECRETS",
    "S3_SECRET_ACCESS_KEY",
    "EMAIL_HOST_PASSWORD",
)


@cache
def _secret_values() -> tuple[str, ...]:
    """The secrets this installation knows; short ones would hide ordinary words."""
    told = (getattr(settings, name, "") or "" for name in _SECRET_SETTINGS)
    values = (each for value in told for each in (value if isinstance(value, list) else [value]))
    return tuple(str(value) for value in values if len(str(value)) >= 8)


def redact(text: str) -> str:
    """The text without passwords, keys, signatures and addresses that are permissions."""
    for value in _secret_values():
        text = text.replace(value, _HIDDEN)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


class TerminalHandler(logging.StreamHandler[TextIO]):
    """Shows what only the person at the terminal may read: unredacted, and written nowhere.

    Below `serve` a line carries a mark, by which the supervisor shows it and keeps it out of the log
    file. Without it the line appears only if this process itself writes to a terminal.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line if somebody sits there."""
        if lifeline.VARIABLE in os.environ or self.stream.isatty():
            super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """The message alone, on one line; what people typed cannot steer the terminal."""
        mark = TERMINAL_MARK if lifeline.VARIABLE in os.environ else ""
        return mark + one_line(record.getMessage())


def one_line(text: str) -> str:
    """The text with line breaks and other control characters written as escapes."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


class ContextFilter(logging.Filter):
    """Adds the ids of the request and the task to every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        record.task = task.get()
        return True


class TextFormatter(logging.Formatter):
    """Plain lines for people at a terminal. Only a traceback takes more than one line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """What others sent, such as the path of a request, cannot forge a line."""
        return one_line(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class JsonFormatter(_JsonFormatter):
    """One object per line: time, level, logger, message, and what the record carries besides."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
            # Objects that would drag a whole request or a traceback's locals into the line.
            reserved_attrs=[*_RESERVED, "request", "server_time"],
            **kwargs,
        )

    def process_log_record(self, log_record: dict[str, Any]) -> dict[str, Any]:
        """Leave out what is empty."""
        return {name: value for name, value in log_record.items() if value not in ("", None)}

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


_RESERVED = (
    "args", "asctime", "created", "exc_info", "exc_text", "filename", "funcName", "levelname",
    "levelno", "lineno", "module", "msecs", "message", "msg", "name", "pathname", "process",
    "processName", "relativeCreated", "stack_info", "taskName", "thread", "threadName",
)  # fmt: skip
