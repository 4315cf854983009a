"""The e-mail outbox: a mail becomes a row in the sender's transaction, and the worker sends it.

So a dead mail server is never an error page, and a mail about something that was rolled back is
never sent. A mail may go out twice if the worker dies right after the server took it.
"""

from __future__ import annotations

import email.message
import logging
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend
from django.db.models import F
from django.utils import timezone

from teams.models import OutgoingMail

logger = logging.getLogger(__name__)
#: Words for the person at the terminal alone: links that sign somebody in belong in no log file.
terminal = logging.getLogger("terminal")

#: Mails per call: the sweep that calls has other things to do.
BATCH = 10
#: Longer than one mail can take: EMAIL_TIMEOUT counts per network step, and there are a few.
LEASE = timedelta(minutes=5)
#: Waiting times after the first, second, … failure. Then the mail is given up; its row stays.
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720, 1440))

_LINK = re.compile(r"https?://[^\s<>\"]+")


class OutboxBackend(BaseEmailBackend):
    """Django's mail functions write rows, inside the caller's transaction."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store each message that has a recipient; returns how many."""
        rows = [
            OutgoingMail(
                recipients=message.recipients(),
                subject=" ".join(str(message.subject).split())[:254],
                message=message.message().as_bytes().decode("utf-8", "replace"),
            )
            for message in email_messages
            if message.recipients()
        ]
        return len(OutgoingMail.objects.bulk_create(rows))


def send_due_mail(now: datetime) -> int:
    """Send what is due; returns how many mails went out. Called by the worker's sweep.

    With EMAIL_HOST by SMTP. Without it the embedded mode writes .eml files and prints the links in
    them, since the person at the machine is the only reader; a production installation keeps the
    mails until EMAIL_HOST is set. Call it outside a transaction: it talks to the network.
    """
    if not settings.EMAIL_HOST and not settings.EMBEDDED:
        return 0
    due = OutgoingMail.objects.filter(sent_at=None, given_up_at=None, due_at__lte=now)
    sent = 0
    for mail in due.order_by("due_at")[:BATCH]:
        # Whoever moves due_at first has the mail; a dead holder's lease runs out.
        claimed = due.filter(pk=mail.pk).update(due_at=now + LEASE, attempts=F("attempts") + 1)
        if not claimed:
            continue
        mine = OutgoingMail.objects.filter(pk=mail.pk)
        try:
            _deliver(mail)
        except (OSError, SMTPException, ValueError) as exc:
            _put_off(mail, exc, now)
        else:
            mine.update(sent_at=now, last_error="")
            sent += 1
    return sent


def send_again(mail_id: int) -> bool:
    """Try a mail that was given up anew, now. False for any other mail."""
    given_up = OutgoingMail.objects.filter(pk=mail_id, sent_at=None, given_up_at__isnull=False)
    return given_up.update(given_up_at=None, attempts=0, due_at=timezone.now()) == 1


def _put_off(mail: OutgoingMail, error: Exception, now: datetime) -> None:
    failures = mail.attempts + 1
    given_up = failures > len(BACK_OFF)
    logger.warning(
        "A mail could not be sent: %s",
        type(error).__name__,
        extra={"mail_id": mail.pk, "attempt": failures, "given_up": given_up},
    )
    OutgoingMail.objects.filter(pk=mail.pk).update(
        last_error=f"{type(error).__name__}: {error}"[:200],
        **({"given_up_at": now} if given_up else {"due_at": now + BACK_OFF[failures - 1]}),
    )


def _deliver(mail: OutgoingMail) -> None:
    data = mail.message.encode("utf-8")
    message = message_from_bytes(data, policy=policy.default)
    if not settings.EMAIL_HOST:
        _write_file(mail, data, message)
        return
    smtp = SmtpBackend()
    smtp.open()
    try:
        assert smtp.connection is not None  # noqa: S101  (open() raises otherwise)
        smtp.connection.sendmail(
            message["From"].addresses[0].addr_spec,
            mail.recipients,
            data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        )
    finally:
        smtp.close()


def _write_file(mail: OutgoingMail, data: bytes, message: email.message.EmailMessage) -> None:
    folder = Path(settings.EMAIL_FILE_PATH)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{mail.created_at:%Y%m%d-%H%M%S}-{mail.pk}.eml"
    path.write_bytes(data)
    body = message.get_body(("plain",))
    links = " ".join(_LINK.findall(body.get_content())) if body else ""
    logger.info("A mail was written to %s.", path)
    terminal.info("Mail to %s: %s %s (%s)", ", ".join(mail.recipients), mail.subject, links, path)
