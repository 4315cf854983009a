"""Mails of one template: written into the outbox together, one for each reader."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string


def send_letters(template: str, readers: Iterable[str], context: dict[str, Any]) -> None:
    """Queue `teams/email/<template>_*.txt` for each address, in the caller's transaction."""
    subject = " ".join(render_to_string(f"teams/email/{template}_subject.txt", context).split())
    text = render_to_string(f"teams/email/{template}_message.txt", context)
    # What a template leaves out leaves its empty lines behind.
    body = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    messages = [EmailMessage(subject=subject, body=body, to=[reader]) for reader in readers]
    if messages:
        get_connection().send_messages(messages)
