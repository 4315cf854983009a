"""The words of FASHN's answers: error codes and names, and the states of a prediction."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from sandbox.fashn_inputs import RuntimeFailure
from sandbox.faults import API_ERRORS
from sandbox.store import Item
from sandbox.wire import Response

_MESSAGES = {
    "BadRequest": "Invalid request.",
    "UnauthorizedAccess": "Invalid or inactive API key",
    "NotFound": "This prediction is no longer tracked.",
    "RateLimitExceeded": "Too many requests. Slow down and try again.",
    "ConcurrencyLimitExceeded": "Too many predictions are being processed.",
    "OutOfCredits": "There are not enough credits left.",
    "InternalServerError": "An unexpected error occurred.",
}
"""Wording by error code; that of 401 is the vendor's, the others are the sandbox's own."""

RUNTIME_MESSAGES = {
    "ImageLoadError": "Error loading model image: The URL could not be reached",
    "ContentModerationError": "Prohibited content was detected.",
    "InputValidationError": "The inputs do not go together.",
    "PoseError": "No body pose could be detected.",
    "LoRALoadError": "The LoRA weights could not be loaded.",
    "ThirdPartyError": "A third-party processor refused the request.",
    "3rdPartyProviderError": "A third-party provider failed.",
    "UnavailableError": "The service is unavailable for now.",
    "PipelineError": "An unexpected error occurred in the pipeline.",
    "InternalServerError": "An unexpected error occurred.",
}
"""Wording by the name of a failed prediction's error; the wordings are the sandbox's own."""

CREDITS_HEADER = "x-fashn-credits-used"
CDN_SECONDS = 72 * 3600
"""How long an output can be fetched from the CDN."""
BASE64_SECONDS = 60 * 60
"""How long a base64 output is held."""
BASE64_EXPIRED = "<base64>_expired"


class ApiError(Exception):
    """The call is answered with one of `API_ERRORS`; `message` replaces the usual wording."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.status = API_ERRORS[code]
        self.message = message or _MESSAGES[code]

    def response(self) -> Response:
        return Response.of_json({"error": self.code, "message": self.message}, self.status)


def runtime_failure(name: str) -> RuntimeFailure:
    """The named runtime error in its usual wording."""
    return RuntimeFailure(name, RUNTIME_MESSAGES[name])


def state(items: Sequence[Item], now: float, created_at: float) -> str:
    """The prediction's state: failed if no output succeeded, completed with those that did."""
    states = [item.status(now) for item in items]
    if "RUNNING" in states:
        return "processing"
    if "CREATED" in states:
        middle = (created_at + min(item.starts_at for item in items)) / 2
        return "starting" if now < middle else "in_queue"
    return "completed" if "SUCCESS" in states else "failed"


def data_uri(path: Path, extension: str) -> str:
    text = base64.b64encode(path.read_bytes()).decode("ascii")
    kind = "video/mp4" if extension == "mp4" else f"image/{extension}"
    return f"data:{kind};base64,{text}"
