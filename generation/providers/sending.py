"""What it means when a call brings no answer, or none that can be read: the same at any provider."""

from __future__ import annotations

from collections.abc import Awaitable

from generation.providers.errors import OutcomeUnknown, ProviderError, Unreachable
from generation.providers.http import Answer, AnswerLost, NotSent


async def sent(call: Awaitable[Answer], provider: str, *, paid: bool) -> Answer:
    """The answer of a call. `paid` tells that repeating it may cost something.

    Raises Unreachable, or OutcomeUnknown where it costs and may have been carried out all the same.
    """
    try:
        return await call
    except NotSent as exc:
        raise Unreachable(f"{provider} {exc.where}.") from exc
    except AnswerLost as exc:
        raise after_sending(paid, f"{provider} {exc.where}.") from exc


def after_sending(paid: bool, message: str, *, code: str = "", trace_id: str = "") -> ProviderError:
    """A request that was sent and has no clear answer: only what is free may be repeated."""
    kind = OutcomeUnknown if paid else Unreachable
    return kind(message, code=code, trace_id=trace_id)
