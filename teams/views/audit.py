"""The team's audit page: who did what of consequence, when, and from where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import Q
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from teams.access import Right, team_view
from teams.http import TeamRequest
from teams.models import AuditEntry, Membership

ENTRIES_PER_PAGE = 50

#: What people can look for: the first word of an action, and how it reads.
THINGS: dict[str, str | Promise] = {
    "member": gettext_lazy("Members"),
    "invitation": gettext_lazy("Invitations"),
    "owner": gettext_lazy("Owners"),
    "team": gettext_lazy("Team"),
    "credits": gettext_lazy("Credits"),
    "budget": gettext_lazy("Budgets"),
    "request": gettext_lazy("Requests for credits"),
    "refund": gettext_lazy("Refunds"),
    "job": gettext_lazy("Jobs"),
}

#: What no member of a team can do.
_OPERATORS_ONLY = (
    "credits.",
    "refund.granted",
    "refund.declined",
    "team.suspended",
    "team.resumed",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@require_GET
@team_view(Right.MANAGE_TEAM)
def audit_page(request: TeamRequest) -> HttpResponse:
    """Newest first: `?about=` one kind of thing, `?q=` a person, older pages by `?before=`."""
    entries = AuditEntry.objects.filter(team=request.team)
    about = request.GET.get("about", "")
    if about in THINGS:
        entries = entries.filter(action__startswith=f"{about}.")
    else:
        about = ""
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    if text:
        entries = entries.filter(Q(actor__icontains=text) | Q(subject__icontains=text))
    last = _read_key(request.GET.get("before", ""))
    if last:
        at, pk = last
        entries = entries.filter(at__lte=at).filter(Q(at__lt=at) | Q(pk__lt=pk))
    page = list(entries.order_by("-at", "-pk")[: ENTRIES_PER_PAGE + 1])
    more = len(page) > ENTRIES_PER_PAGE
    page = page[:ENTRIES_PER_PAGE]
    actors = {entry.actor for entry in page}
    # Their accounts may be gone or renamed since.
    operators = {entry.actor for entry in page if entry.action.startswith(_OPERATORS_ONLY)}
    people = dict.fromkeys(operators, _("The operator"))
    people |= Membership.objects.names_in(request.team, actors)
    members = Membership.objects.filter(team=request.team, user__email__in=actors)
    context = {
        "team": request.team,
        "entries": page,
        "people": people,
        # What operators and commands did has no address of the team's people.
        "members": set(members.values_list("user__email", flat=True)),
        "things": THINGS.items(),
        "about": about,
        "q": text,
        "is_filtered": bool(about or text),
        "older": _write_key(page[-1]) if more else "",
        "is_first_page": last is None,
    }
    return TemplateResponse(request, "teams/audit.html", context)


def _write_key(entry: AuditEntry) -> str:
    """The place of an entry in the list: microseconds since 1970, and its number."""
    return f"{(entry.at - _EPOCH) // timedelta(microseconds=1)}-{entry.pk}"


def _read_key(text: str) -> tuple[datetime, int] | None:
    first, _dash, second = text.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) < 18 for part in (first, second)):
        return None
    try:
        return _EPOCH + timedelta(microseconds=int(first)), int(second)
    except OverflowError:
        return None
