"""What SellerPic's answers mean: its envelope, its error codes and the states of its items.

Only one error code is documented, so the rest is told apart by HTTP status and by the words of
`msg`; an operator who learns a code can name its meaning in SELLERPIC_CODES.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generation.providers.answers import digits, id_text, json_object, pause_of, plain
from generation.providers.base import ItemState, RemoteItem
from generation.providers.errors import (
    AccountClosed,
    Busy,
    Denied,
    FileGone,
    NotFound,
    NotTaken,
    OutcomeUnknown,
    OutOfCredits,
    ProviderError,
    Refused,
    Unreachable,
)
from generation.providers.http import Answer
from generation.providers.sending import after_sending

logger = logging.getLogger(__name__)

BUSY = 30003
"""The only documented error code: all concurrency slots are in use, nothing was charged."""

MEANINGS: Mapping[str, type[ProviderError]] = {
    "busy": Busy,
    "closed": AccountClosed,
    "file_gone": FileGone,
    "no_credits": OutOfCredits,
    "not_found": NotFound,
    "not_taken": NotTaken,
    "refused": Refused,
    "unknown": OutcomeUnknown,
}
"""Words for what a code means, as an operator may write them."""

# ASSUMED: there is no code table, so the words of `msg` tell that the account's credits are used up
# and that a file key has expired.
# Refusals of a picture speak of an "insufficient resolution" or the "white balance" as well, and must
# not close the account.
_NO_CREDITS = re.compile(
    r"\b(insufficient|not enough|no|(run )?out of)\b.{0,20}\bcredits?\b"
    r"|\bcredits?\b.{0,20}\b(insufficient|not enough|exhausted|used up)\b"
    r"|\b(insufficient|not enough) (account )?balance\b"
    r"|\baccount balance\b.{0,20}\b(insufficient|not enough|too low)\b",
    re.IGNORECASE,
)
_FILE_GONE = re.compile(
    r"no such file|file (was )?not (be )?found|file .*(expired|not exist)", re.I
)
_ITEM_STATES = {
    "CREATED": ItemState.RUNNING,
    "RUNNING": ItemState.RUNNING,
    "SUCCESS": ItemState.SUCCEEDED,
    "FAILED": ItemState.FAILED,
}
_CODE = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A good answer. The keys of `data` that nobody asks for are ignored, the others checked."""

    data: Mapping[str, object]
    trace_id: str

    def text(self, name: str, *, most: int = 300) -> str:
        """A field that the answer is useless without. Only for what is free to repeat."""
        value = self.data.get(name)
        if not isinstance(value, str) or not value or value != plain(value, most):
            raise Unreachable(f"SellerPic's answer carries no {name}.", trace_id=self.trace_id)
        return value

    def entries(self, name: str) -> list[Mapping[str, object]]:
        """The objects of a list; none where there is no list."""
        found = self.data.get(name)
        return (
            [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
        )


@dataclass(frozen=True, slots=True)
class UploadLink:
    """Where to PUT a picture within 30 minutes, and what it is called from then on."""

    file_key: str
    url: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class FileLink:
    """Where one output can be fetched from for 12 hours."""

    url: str
    trace_id: str


def open_envelope(answer: Answer, *, paid: bool, meanings: Mapping[int, str]) -> Envelope:
    """The good envelope in an answer; raises what anything else means.

    `paid` tells that repeating the request may cost something, `meanings` what further codes mean.
    ASSUMED: business errors may come with any HTTP status, so the code is looked at first.
    """
    envelope = json_object(answer)
    trace_id = plain((envelope or {}).get("traceId"), 100)
    code = _code(envelope)
    message = plain((envelope or {}).get("msg"), 200)
    if code is not None and code != 0:
        raise _refusal(answer, code, message, trace_id, paid, meanings.get(code, ""))
    if answer.status >= 300 or envelope is None or code is None:
        raise _bare_failure(answer, trace_id, paid)
    data = envelope.get("data")
    if envelope.get("success") is not True or not isinstance(data, dict):
        raise after_sending(paid, "SellerPic's answer carries no data.", trace_id=trace_id)
    return Envelope(data, trace_id)


def meanings_of(entries: Sequence[str]) -> tuple[dict[int, str], list[str]]:
    """Codes and what they mean, from texts such as `12345=busy`, and the texts that say nothing."""
    found: dict[int, str] = {}
    faulty: list[str] = []
    for entry in entries:
        code, _equals, meaning = (part.strip() for part in entry.partition("="))
        if not _CODE.fullmatch(code) or int(code) == 0 or meaning not in MEANINGS:
            faulty.append(entry)
        else:
            found[int(code)] = meaning
    return found, faulty


def item_of(entry: Mapping[str, object]) -> RemoteItem:
    """One entry of a task's `resultList`."""
    word = str(entry.get("status") or "")
    state = _ITEM_STATES.get(word)
    if state is None:
        # The vendor lists four states; whatever a fifth means, the task is not over.
        logger.warning("SellerPic reports the unknown state %r; taken as running.", word[:40])
        state = ItemState.RUNNING
    failed = state is ItemState.FAILED
    return RemoteItem(
        remote_id=id_text(entry.get("id")),
        state=state,
        error_code=plain(entry.get("errorCode"), 40) if failed else "",
        error=plain(entry.get("errorMsg"), 300) if failed else "",
    )


def _refusal(
    answer: Answer, code: int, message: str, trace_id: str, paid: bool, meaning: str
) -> ProviderError:
    """What an envelope with an error code means."""
    kind: type[ProviderError]
    shown = message or f"SellerPic answered with code {code}."
    if meaning:
        kind = MEANINGS[meaning] if paid or meaning != "unknown" else Unreachable
    elif code == BUSY:
        kind, shown = Busy, "Every place at SellerPic is taken."
    elif answer.status == 401:
        kind, shown = AccountClosed, "SellerPic refuses the key."
    elif _NO_CREDITS.search(message):
        kind, shown = OutOfCredits, "The account at SellerPic has no credits left."
    elif paid and _FILE_GONE.search(message):
        kind = FileGone
    elif answer.status == 403:
        kind, shown = Denied, "SellerPic refuses the key."
    elif answer.status == 404:
        kind = NotFound
    elif answer.status == 429:
        kind = NotTaken
    elif answer.status >= 500:
        return after_sending(paid, shown, code=str(code), trace_id=trace_id)
    else:
        kind = Refused
    if issubclass(kind, NotTaken):
        return kind(shown, code=str(code), trace_id=trace_id, retry_after=pause_of(answer))
    return kind(shown, code=str(code), trace_id=trace_id)


def _bare_failure(answer: Answer, trace_id: str, paid: bool) -> ProviderError:
    """What an answer without a readable error code means, by its HTTP status."""
    code = f"http_{answer.status}"
    if answer.status in (401, 403):
        kind = Denied if answer.status == 403 else AccountClosed
        return kind("SellerPic refuses the key.", code=code, trace_id=trace_id)
    if answer.status == 404:
        return NotFound("SellerPic does not know this id.", code=code, trace_id=trace_id)
    if answer.status == 429:
        return NotTaken(
            "SellerPic asks for a pause.",
            code=code,
            trace_id=trace_id,
            retry_after=pause_of(answer),
        )
    if 300 <= answer.status < 400:
        return AccountClosed(
            "SellerPic's address answers with a redirect; check SELLERPIC_BASE_URL.",
            code=code,
            trace_id=trace_id,
        )
    if answer.status == 408:  # Of a gateway, which does not tell how far the request came.
        return after_sending(paid, "SellerPic answered 408.", code=code, trace_id=trace_id)
    if 400 <= answer.status < 500:
        return Refused(
            f"SellerPic refused the request ({answer.status}).", code=code, trace_id=trace_id
        )
    return after_sending(paid, f"SellerPic answered {answer.status}.", code=code, trace_id=trace_id)


def _code(envelope: dict[str, Any] | None) -> int | None:
    code = (envelope or {}).get("code")
    if isinstance(code, bool) or not isinstance(code, str | int):
        return None
    text = code if isinstance(code, str) else digits(code)
    return int(text) if _CODE.fullmatch(text) else None
