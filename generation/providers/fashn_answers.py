"""What FASHN's answers mean: errors of the API, states of a prediction, errors of a run.

A 429 has three meanings, which the body tells apart; the states and error names are those of the
vendor's pages and of its OpenAPI text.
"""

from __future__ import annotations

import logging
from typing import Any, TypedDict

from generation.providers.answers import credits_of, id_text, json_object, pause_of, plain
from generation.providers.base import ItemState, RemoteItem, TaskStatus
from generation.providers.errors import (
    AccountClosed,
    Busy,
    Denied,
    NotFound,
    NotTaken,
    OutOfCredits,
    ProviderError,
    Refused,
    Unreachable,
)
from generation.providers.http import Answer
from generation.providers.sending import after_sending

logger = logging.getLogger(__name__)


class PredictionBody(TypedDict, total=False):
    """What is read of a status. Any other key is ignored; values are checked where they are read."""

    id: object
    status: object
    output: object
    error: object


class CreditsBody(TypedDict, total=False):
    """What is read of the account: an object with `total`."""

    credits: object


CHARGED_HEADER = "x-fashn-credits-used"
"""On the status of a completed prediction [vendor's SDK]; some have seen it on /v1/run."""
LARGE_BODY_BYTES = 4 * 1024 * 1024
"""ASSUMED: from here on a 500 may mean a body that is too large, which is all that the pages say."""

_RUNNING = frozenset({"starting", "in_queue", "processing"})
_FAILED = frozenset({"failed", "canceled", "time_out"})
# The picture or the words must change first. Any other name is taken for a PipelineError.
_PERMANENT = frozenset(
    {
        "ImageLoadError",
        "ContentModerationError",
        "InputValidationError",
        "PoseError",
        "LoRALoadError",
    }
)


def open_body(answer: Answer, *, paid: bool, sent_bytes: int = 0) -> dict[str, Any]:
    """The JSON of a good answer; raises what anything else means.

    `paid` tells that repeating the request may cost something. An error that FASHN itself answers
    means that no prediction was started, so that sending again is safe [vendor page]; anything else
    may come from a gateway that knows nothing of what happened behind it.
    """
    body = json_object(answer)
    trace_id = id_text((body or {}).get("id"))
    # The error of a prediction that failed is an object, the error of the API itself a word.
    error = (body or {}).get("error")
    if 200 <= answer.status < 300 and body is not None and (trace_id or not isinstance(error, str)):
        return body
    code = plain(error if isinstance(error, str) else "", 40)
    message = plain((body or {}).get("message"), 200)
    failure = _api_error(answer, code, message, paid, sent_bytes) or _bare_failure(
        answer, code, message, paid
    )
    failure.trace_id = trace_id
    raise failure


def charged_of(answer: Answer) -> int | None:
    """Credits that the prediction cost, where the answer tells."""
    try:
        charged = credits_of(answer.headers.get(CHARGED_HEADER))
    except ValueError:
        return None
    return charged if charged >= 0 else None


def status_of(remote_id: str, body: PredictionBody, charged: int | None) -> TaskStatus:
    """A prediction as a task. No item is known before the end; a failure is one failed item."""
    if body.get("id") not in (None, remote_id):
        raise Unreachable("FASHN answered for another prediction.", trace_id=remote_id)
    state = body.get("status")
    if state == "completed":
        items = tuple(_item(remote_id, index, entry) for index, entry in enumerate(_outputs(body)))
        if not items:
            # It is paid for, and the answer after this one may carry them.
            logger.warning("FASHN completed %s and names no output.", remote_id)
        return TaskStatus(items, remote_id, charged, lists_all=True)
    if isinstance(state, str) and state in _FAILED:
        return _failed(remote_id, state, body.get("error"), charged)
    if not isinstance(state, str) or state not in _RUNNING:
        logger.warning("FASHN reports the unknown state %r; taken as running.", plain(state, 40))
    return TaskStatus((), remote_id, charged)


def _failed(remote_id: str, state: str, error: object, charged: int | None) -> TaskStatus:
    name, message = "", ""
    if isinstance(error, dict):
        name, message = plain(error.get("name"), 40), plain(error.get("message"), 300)
    elif isinstance(error, str):
        message = plain(error, 300)
    item = RemoteItem(
        f"{remote_id}/0", ItemState.FAILED, name or state, message or "FASHN could not do this."
    )
    # `canceled` and `time_out` stand in no page, nor does what they cost.
    again = state == "failed" and name not in _PERMANENT
    return TaskStatus((item,), remote_id, charged, may_run_again=again, lists_all=True)


def _outputs(body: PredictionBody) -> list[object]:
    """A list of links; face-to-model's page shows it inside of an object."""
    output = body.get("output")
    if isinstance(output, dict):
        output = output.get("images")
    if isinstance(output, str):
        output = [output]
    return output if isinstance(output, list) else []


def _item(remote_id: str, index: int, entry: object) -> RemoteItem:
    name = f"{remote_id}/{index}"
    url = plain(entry, 2000) if isinstance(entry, str) else ""
    if url != entry or not url.startswith(("https://", "http://")):
        return RemoteItem(name, ItemState.FAILED, "no_link", "FASHN sent no link to this result.")
    return RemoteItem(name, ItemState.SUCCEEDED, url=url)


def _api_error(
    answer: Answer, code: str, message: str, paid: bool, sent_bytes: int
) -> ProviderError | None:
    """What an error code of the API means; None for one that is not in the vendor's list."""
    match code:
        case "BadRequest":
            return Refused(message or "FASHN refused the request.", code=code)
        case "UnauthorizedAccess":
            return AccountClosed("FASHN refuses the key.", code=code)
        case "NotFound":
            return NotFound("FASHN does not know this id any more.", code=code)
        case "RateLimitExceeded":
            return NotTaken("FASHN asks for a pause.", code=code, retry_after=pause_of(answer))
        case "ConcurrencyLimitExceeded":
            return Busy("Every place at FASHN is taken.", code=code, retry_after=pause_of(answer))
        case "OutOfCredits":
            return OutOfCredits("The account at FASHN has no credits left.", code=code)
        case "InternalServerError" if sent_bytes > LARGE_BODY_BYTES:
            return Refused("FASHN could not read pictures of that size.", code=code)
        case "InternalServerError":
            kind = NotTaken if paid else Unreachable
            return kind("FASHN has trouble of its own.", code=code, retry_after=pause_of(answer))
    return None


def _bare_failure(answer: Answer, code: str, message: str, paid: bool) -> ProviderError:
    """What an answer without a known error code means, by its HTTP status."""
    status, code = answer.status, code or f"http_{answer.status}"
    if status == 401:
        return AccountClosed("FASHN refuses the key.", code=code)
    if status == 402:
        return OutOfCredits("The account at FASHN has no credits left.", code=code)
    if status == 403:
        return Denied("FASHN refuses to serve this account.", code=code)
    if status == 404:
        return NotFound("FASHN does not know this id any more.", code=code)
    if status == 429:
        return NotTaken("FASHN asks for a pause.", code=code, retry_after=pause_of(answer))
    if 300 <= status < 400:
        return AccountClosed(
            "FASHN's address answers with a redirect; check FASHN_BASE_URL.", code=code
        )
    if status == 413:
        return Refused("FASHN takes no pictures of that size.", code=code)
    if 400 <= status < 500 and status != 408:  # 408 does not tell how far the request came.
        return Refused(message or f"FASHN refused the request ({status}).", code=code)
    if 200 <= status < 300:
        return after_sending(paid, "FASHN's answer could not be read.", code=code)
    return after_sending(paid, f"FASHN answered {status}.", code=code)
