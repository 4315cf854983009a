"""One's own page: name, time zone, theme, shortcuts."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from teams.forms import ProfileForm, ThemeForm
from teams.models import Membership, User


@require_http_methods(["GET", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change one's own settings."""
    # A form writes into its instance even when it refuses; the shell shows the real person.
    person = User.objects.get(pk=cast(User, request.user).pk)
    form = ProfileForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        person.save(update_fields=[*form.cleaned_data])
        messages.success(request, _("Saved."))
        return redirect("teams:profile")
    context = {"form": form, "memberships": Membership.objects.for_switcher(person)}
    status = 422 if request.method == "POST" else 200
    return TemplateResponse(request, "teams/profile.html", context, status=status)


@require_POST
@login_required
def theme(request: HttpRequest) -> HttpResponse:
    """Switch the theme from the account menu; back to the page it was switched on."""
    person = User.objects.get(pk=cast(User, request.user).pk)
    form = ThemeForm(request.POST, instance=person)
    if not form.is_valid():
        return HttpResponse(_("There is no such theme."), status=422, content_type="text/plain")
    person.save(update_fields=["theme"])
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204)
    address = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()})
    return redirect(address if safe and address else "home")
