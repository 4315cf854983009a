"""The e-mail outbox: a mail is a row first, so that a dead mail server is never an error page."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now


class OutgoingMail(models.Model):
    """One mail, as RFC 5322 text, waiting for the worker to send it."""

    recipients = models.JSONField(help_text="Envelope addresses, a list of text.")
    subject = models.CharField(max_length=254)
    message = models.TextField(help_text="The whole message, headers included.")
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(default=now, db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.subject
