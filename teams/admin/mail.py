"""The line of outgoing mails, with "send again" for those that were given up."""

from __future__ import annotations

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.admin.read_only import ReadOnlyAdmin
from teams.models import OutgoingMail
from teams.outbox import send_again


@admin.register(OutgoingMail)
class OutgoingMailAdmin(ReadOnlyAdmin):
    """Mails on their way and those that could not be sent. Their text holds links and stays hidden."""

    list_display = ("created_at", "subject", "to", "attempts", "sent_at", "given_up_at")
    exclude = ("message",)
    change_form_template = "admin/teams/outgoingmail/change_form.html"

    @admin.display(description=gettext_lazy("to"))
    def to(self, mail: OutgoingMail) -> str:
        """The addresses, as in the head of a letter."""
        return ", ".join(mail.recipients)

    def get_urls(self) -> list[URLPattern]:
        """Django's pages and "send again"."""
        own = path(
            "<int:mail_id>/again/",
            self.admin_site.admin_view(self.again_view),
            name="teams_outgoingmail_again",
        )
        return [own, *super().get_urls()]

    def again_view(self, request: HttpRequest, mail_id: int) -> HttpResponse:
        """Put a mail that was given up back into the line (POST)."""
        if request.method != "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        if send_again(mail_id):
            messages.success(request, _("The mail is in the line again."))
        else:
            messages.info(request, _("This mail was sent or is still being tried."))
        return redirect("admin:teams_outgoingmail_change", mail_id)
