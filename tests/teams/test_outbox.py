"""Mails are rows first; the worker sends them by SMTP or, on one machine, into files."""

from __future__ import annotations

import logging
import socket
import socketserver
import threading
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.core.mail import EmailMultiAlternatives, send_mail
from django.db import transaction
from django.utils.timezone import now

from teams.models import OutgoingMail
from teams.outbox import BACK_OFF, LEASE, send_due_mail


class MailServer(socketserver.ThreadingTCPServer):
    """As much SMTP as a test needs: takes every mail, or refuses every recipient."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MailHandler)
        self.taken: list[tuple[str, list[str], bytes]] = []
        self.refuses = False


class MailHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, MailServer)
        self.wfile.write(b"220 test\r\n")
        sender, recipients = "", []
        for line in self.rfile:
            command = line.decode().strip()
            if command.upper().startswith("MAIL FROM:"):
                sender = command[10:].split(">")[0].strip("< ")
            if command.upper().startswith("RCPT TO:"):
                recipients.append(command[8:].strip("<> "))
                if server.refuses:
                    self.wfile.write(b"550 no such person\r\n")
                    continue
            if command.upper() == "DATA":
                self.wfile.write(b"354 go on\r\n")
                data = b""
                for part in self.rfile:
                    if part == b".\r\n":
                        break
                    data += part
                server.taken.append((sender, recipients, data))
            self.wfile.write(b"221 bye\r\n" if command.upper() == "QUIT" else b"250 ok\r\n")
            if command.upper() == "QUIT":
                return


@pytest.fixture
def mail_server(settings):
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.server_address[1]
        settings.EMAIL_USE_TLS = False
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def dead_server(settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = free.getsockname()[1]
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "127.0.0.1", False


def write(subject: str = "Grüezi", text: str = "Join: http://127.0.0.1:8000/x/\nÄ") -> OutgoingMail:
    send_mail(subject, text, None, ["bob@example.com"])
    return OutgoingMail.objects.latest("pk")


def test_a_mail_of_a_rolled_back_transaction_is_never_sent(db):
    with pytest.raises(RuntimeError), transaction.atomic():
        write()
        raise RuntimeError

    assert not OutgoingMail.objects.exists()


def test_a_mail_without_recipient_is_no_row(db):
    assert send_mail("S", "T", None, []) == 0
    assert not OutgoingMail.objects.exists()


def test_sends_by_smtp_once(db, mail_server):
    copy = EmailMultiAlternatives(
        "Grüezi",
        "Ä\n.dot",
        "Diptych <me@example.com>",
        ["bob@example.com"],
        bcc=["eve@example.com"],
    )
    copy.attach_alternative("<p>Ä</p>", "text/html")
    copy.send()
    moment = now()

    assert send_due_mail(moment) == 1
    assert send_due_mail(moment) == 0

    ((sender, recipients, data),) = mail_server.taken
    assert sender == "me@example.com"
    assert recipients == ["bob@example.com", "eve@example.com"]
    message = message_from_bytes(data, policy=policy.default)
    assert message["Subject"] == "Grüezi"
    assert message["Bcc"] is None
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["Ä", "..dot"], "SMTP doubles a leading dot"
    mail = OutgoingMail.objects.get()
    assert (mail.sent_at, mail.attempts, mail.last_error) == (moment, 1, "")


def test_a_dead_server_is_tried_later_and_later_and_then_no_more(db, dead_server):
    mail, moment = write(), now()
    for failures, pause in enumerate(BACK_OFF, start=1):
        assert send_due_mail(moment) == 0
        mail.refresh_from_db()
        assert (mail.attempts, mail.due_at) == (failures, moment + pause)
        assert mail.last_error.startswith("ConnectionRefusedError")
        assert send_due_mail(moment + pause - timedelta(seconds=1)) == 0
        moment = mail.due_at

    send_due_mail(moment)

    mail.refresh_from_db()
    assert (mail.given_up_at, mail.sent_at) == (moment, None)
    send_due_mail(moment + timedelta(days=30))
    mail.refresh_from_db()
    assert mail.attempts == len(BACK_OFF) + 1


def test_a_refused_recipient_does_not_hold_up_the_others(db, mail_server):
    mail_server.refuses = True
    first = write()
    moment = now()
    send_due_mail(moment)
    mail_server.refuses = False
    write("Second")

    assert send_due_mail(now()) == 1

    first.refresh_from_db()
    assert first.last_error.startswith("SMTPRecipientsRefused")
    assert OutgoingMail.objects.get(subject="Second").sent_at is not None


def test_a_mail_in_other_hands_is_left_until_its_lease_is_over(db, mail_server):
    mail, moment = write(), now()
    OutgoingMail.objects.update(due_at=moment + LEASE)

    assert send_due_mail(moment) == 0
    assert send_due_mail(moment + LEASE) == 1

    mail.refresh_from_db()
    assert mail.sent_at == moment + LEASE


def test_on_one_machine_mails_are_files_and_their_links_are_told(db, settings, tmp_path, caplog):
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    write()

    with caplog.at_level(logging.INFO, "teams.outbox"):
        assert send_due_mail(now()) == 1

    (path,) = (tmp_path / "mail").glob("*.eml")
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert (message["To"], message["Subject"]) == ("bob@example.com", "Grüezi")
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("teams.outbox", f"A mail was written to {path}."),
        ("terminal", f"Mail to bob@example.com: Grüezi http://127.0.0.1:8000/x/ ({path})"),
    ]
    assert path.parent.stat().st_mode & 0o077 == 0


def test_in_production_mails_wait_until_a_server_is_named(db, settings, tmp_path):
    settings.EMBEDDED = False
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    write()

    assert send_due_mail(now()) == 0

    assert not (tmp_path / "mail").exists()
    assert OutgoingMail.objects.get().attempts == 0
