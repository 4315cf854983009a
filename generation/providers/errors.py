"""What can go wrong at a provider, sorted by one question: is sending it again safe?"""

from __future__ import annotations


class ProviderError(Exception):
    """Anything a provider call may raise. `message` is fit to be shown to people."""

    def __init__(self, message: str, *, code: str = "", trace_id: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.trace_id = trace_id


class NotTaken(ProviderError):
    """Certainly not taken: sending again is safe. `retry_after` is seconds, when the provider says."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        trace_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, trace_id=trace_id)
        self.retry_after = retry_after


class Busy(NotTaken):
    """Every concurrency slot is in use (SellerPic 30003, FASHN ConcurrencyLimitExceeded).

    Never a failure of the job.
    """


class TooSoon(NotTaken):
    """Kept back by a rate of ours, so nothing was sent: says nothing about the provider or the job.

    `retry_after` is set always.
    """


class Unreachable(NotTaken):
    """No connection could be made, or a repeatable read failed in passing."""


class AccountClosed(NotTaken):
    """Key refused or no credits left: nothing more is sent until an operator acts."""


class Denied(AccountClosed):
    """A 403 that no known code explains: of the account, or of something in this one request.

    Either way nothing was taken. Whether every job meets it, or one alone, only time tells.
    """


WRONG_ADDRESS = "wrong_address"
"""Code of an AccountClosed that says nothing about the key: the host knows no such call."""


class OutOfCredits(AccountClosed):
    """The account at the provider has no credits left: an operator must buy some."""


class Refused(ProviderError):
    """This request is refused for good; another try would be refused alike."""


class NotFound(Refused):
    """The provider does not know the id."""


class OutcomeUnknown(ProviderError):
    """The request may have been taken (and billed). Never sent again without a person's word."""


class FileGone(NotTaken):
    """An uploaded file's key is not known any more: upload it again, then send again."""


class LinkBlocked(NotTaken):
    """A link leads where nothing is fetched from; an operator may list its host."""


class LinkDead(Refused):
    """A file's link answers 403 (`code` forbidden), 404 or 410 (`code` gone)."""
