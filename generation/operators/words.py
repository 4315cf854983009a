"""Sentences about a provider account: whether it takes jobs, its key, its breaker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from generation.models import ProviderAccount
from generation.providers.keys import SETTINGS, KeyFrom, can_store, environment_key, live_address


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an account takes jobs. `tone` is good, warning, bad or quiet."""

    tone: str
    sentence: str


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What may be told of a key, which is never the key or a part of it.

    `hint` says what to do about it, `has_any` that the provider can be asked with it, `has_stored`
    that there is one to remove, `may_write` that a new one can be stored.
    """

    tone: str
    sentence: str
    hint: str
    has_any: bool
    has_stored: bool
    may_write: bool


def when(moment: datetime) -> str:
    """A moment as people read it, in their own zone."""
    return date_format(localtime(moment), "DATETIME_FORMAT")


def to_the_second(moment: datetime) -> str:
    """A moment that may be seconds away."""
    return f"{when(moment)}:{localtime(moment):%S}"


def standing_of(
    account: ProviderAccount,
    *,
    is_current: bool,
    sandbox: bool,
    source: KeyFrom,
    paused_by: tuple[str, datetime] | None,
    waiting: tuple[int, int],
    at: datetime,
) -> Standing:
    """The words about an account. `paused_by` is who paused it and when, if that is known.

    `waiting` are its jobs that were not sent yet, and the credits that they hold.
    """
    if not is_current:
        return _not_current(account, sandbox, *waiting)
    if source is KeyFrom.NOWHERE:
        return Standing("bad", _("Takes no jobs: there is no key."))
    if source is KeyFrom.UNREADABLE:
        return Standing("bad", _("Takes no jobs: its stored key cannot be read."))
    if account.is_paused:
        if paused_by is None:
            return Standing("warning", _("Paused: jobs wait, and nothing is sent."))
        words = {"who": paused_by[0], "when": when(paused_by[1])}
        return Standing(
            "warning",
            _("Paused by %(who)s on %(when)s: jobs wait, and nothing is sent.") % words,
        )
    if account.closed_until is not None and account.closed_until > at:
        reason = {"when": to_the_second(account.closed_until), "reason": account.closed_reason}
        return Standing("bad", _("Closed until %(when)s: %(reason)s") % reason)
    if account.closed_streak:
        reason = {"reason": account.closed_reason}
        return Standing("warning", _("The next job tries it alone. Last time: %(reason)s") % reason)
    return Standing("good", _("Takes jobs."))


def _not_current(account: ProviderAccount, sandbox: bool, jobs: int, held: int) -> Standing:
    why = (
        _("Gets no new jobs: the sandbox stands in for it (SANDBOX=0 ends that).")
        if sandbox and not account.is_sandbox
        else _("Gets no new jobs: SANDBOX=0 takes the live accounts.")
        if account.is_sandbox
        else _("Gets no new jobs: the settings name another address.")
    )
    if not jobs:
        return Standing("quiet", why)
    left = ngettext(
        "%(n)d job from before waits for it and holds %(held)d credits: nothing is sent, and the "
        "credits come back a week after its launch, or when it is cancelled.",
        "%(n)d jobs from before wait for it and hold %(held)d credits: nothing is sent, and the "
        "credits come back a week after their launch, or when they are cancelled.",
        jobs,
    ) % {"n": jobs, "held": held}
    return Standing("warning", f"{why} {left}")


def breaker_of(account: ProviderAccount, at: datetime) -> str:
    """The state of the breaker in the words of the documentation."""
    failures = ngettext(
        "%(n)d closing in a row, code %(code)s",
        "%(n)d closings in a row, code %(code)s",
        account.closed_streak,
    ) % {"n": account.closed_streak, "code": account.closed_code or _("none")}
    if account.closed_until is not None and account.closed_until > at:
        until = {"when": to_the_second(account.closed_until), "failures": failures}
        return _("Open until %(when)s (%(failures)s)") % until
    if account.closed_streak:
        return _("Half open: one job tries (%(failures)s)") % {"failures": failures}
    return _("At rest")


def key_facts(
    account: ProviderAccount, source: KeyFrom, job_accepted_at: datetime | None
) -> KeyFacts:
    """Where the key comes from, since when, what the provider said to it, and what can be done.

    `job_accepted_at` is when the last job was sent that the provider took.
    """
    variable = SETTINGS[account.provider]
    has_stored = bool(account.encrypted_key) and not account.is_sandbox
    may_write = source not in (KeyFrom.SANDBOX, KeyFrom.ENVIRONMENT) and can_store()
    tone, sentence, hint = "quiet", "", ""
    stored_on = when(account.key_set_at) if account.key_set_at else _("an unknown day")
    match source:
        case KeyFrom.SANDBOX:
            sentence = _("The sandbox's own; nothing is paid.")
        case KeyFrom.ENVIRONMENT:
            sentence = _("From the environment (%(variable)s).") % {"variable": variable}
            hint = _("It wins over a key that is written here. Take it away there to write one.")
            if has_stored:
                hint = _(
                    "It wins over the key that was stored here on %(when)s, which is not used."
                ) % {"when": stored_on}
        case KeyFrom.ROW:
            sentence = _("Stored on %(when)s, encrypted.") % {"when": stored_on}
        case KeyFrom.UNREADABLE:
            tone = "bad"
            sentence = _("Stored on %(when)s, and no secret of PROVIDER_KEY_SECRETS opens it.") % {
                "when": stored_on
            }
            hint = _("Put the secret back that it was stored with, or write the key again.")
        case KeyFrom.NOWHERE:
            tone, sentence = "bad", _("None.")
    if account.base_url != live_address(account.provider) and not account.is_sandbox:
        sentence, hint = _at_former_address(account, sentence, hint)
    elif not hint and not account.is_sandbox and not can_store():
        hint = _(
            "Set %(variable)s, or set PROVIDER_KEY_SECRETS so that keys can be written here."
        ) % {"variable": variable}
    if source in (KeyFrom.ENVIRONMENT, KeyFrom.ROW):
        tone, answer = _answer_to_key(account, source, job_accepted_at)
        sentence = f"{sentence} {answer}"
    has_any = source not in (KeyFrom.NOWHERE, KeyFrom.UNREADABLE)
    return KeyFacts(tone, sentence, hint, has_any, has_stored, may_write)


def _at_former_address(account: ProviderAccount, sentence: str, hint: str) -> tuple[str, str]:
    """The words about the key of an address that the settings do not name any more."""
    variable = {"variable": SETTINGS[account.provider]}
    if environment_key(account.provider):
        not_sent = _("The one in %(variable)s is not sent to this address.") % variable
        sentence = f"{sentence} {not_sent}"
    if hint:
        return sentence, hint
    if not can_store():
        return sentence, _("Set PROVIDER_KEY_SECRETS so that a key for it can be written here.")
    if not account.encrypted_key:
        return sentence, _("Write one here, if jobs that were sent there are to be finished.")
    return sentence, ""


def _answer_to_key(
    account: ProviderAccount, source: KeyFrom, job_accepted_at: datetime | None
) -> tuple[str, str]:
    """What the provider said to the key last, and its tone.

    It took the key when it told the balance, or took a job. For a stored key only what came after
    it counts; since when the environment has its own no row says, so that there all counts.
    """
    if account.key_refused_at:
        refused = _("Refused by the provider on %(when)s, and not accepted since.")
        return "bad", refused % {"when": when(account.key_refused_at)}
    since = account.key_set_at if source is KeyFrom.ROW else None
    accepted = [
        moment
        for moment in (account.balance_at, job_accepted_at)
        if moment is not None and (since is None or moment >= since)
    ]
    if accepted:
        return "good", _("Accepted by the provider on %(when)s.") % {"when": when(max(accepted))}
    return "quiet", _("Not tried yet.")
