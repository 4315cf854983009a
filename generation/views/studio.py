"""The studio: choose an operation, a photo and presets, see the price, launch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe
from django_htmx.http import trigger_client_event

from catalog.keyset import by_number, by_time, keyset_page
from catalog.models import Asset, Product
from catalog.words import search_words
from generation import services
from generation.forms import LaunchForm
from generation.models import Preset, ProviderAccount
from generation.operations import OPERATIONS, Input, InputKind, Offer, Operation
from generation.prices import prices_at
from generation.providers.registry import configured_providers, current_account, offers_of
from generation.views.cost import Cost, cost_of_launch
from teams.access import Right, team_view
from teams.credits import InsufficientCredits
from teams.http import TeamRequest
from teams.models import Team
from teams.rates import rate_limited

PHOTOS_SHOWN = 12
PRESETS_SHOWN = 18
PRESETS_WITHOUT_SCRIPT = 240
LAUNCHES_PER_MINUTE = 120
IN_STUDIO = ("swap_model",)
"""Operations that the page has forms for; `manage.py run_job` runs them all."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the page is about: an operation, by one provider, on the account that jobs go to."""

    operation: Operation
    offer: Offer
    account: ProviderAccount
    configured: Collection[str]
    """The providers that jobs can be sent to."""

    @property
    def inputs(self) -> list[Input]:
        """The inputs that can be chosen from what there is."""
        return [entry for entry in self.offer.inputs if entry.kind is not InputKind.MASK]


@dataclass(frozen=True, slots=True)
class Slot:
    """One input of the operation as the page shows it: what there is to choose, what is chosen."""

    input: Input
    choices: list[Any]
    chosen: Asset | Preset | None
    next_cursor: str = ""
    words: str = ""
    errors: list[str] | None = None

    @property
    def is_photo(self) -> bool:
        """Whether a photo of the team is asked for; a preset of the provider otherwise."""
        return self.input.kind is InputKind.PHOTO

    @property
    def is_scene(self) -> bool:
        """Whether leaving it empty keeps the photo's own background."""
        return self.input.kind is InputKind.SCENE_PRESET


@require_safe
@team_view(Right.LAUNCH)
def studio(request: TeamRequest) -> TemplateResponse:
    """The page, with what the address chooses: ?operation=, and each input by its name."""
    return _page(request, _plan(request.GET), request.GET)


@require_GET
@team_view(Right.LAUNCH)
def studio_cost(request: TeamRequest) -> TemplateResponse:
    """The launch bar and the plan above it, after any change of the form."""
    plan = _plan(request.GET)
    slots = [_chosen_slot(request.team, plan.account, e, request.GET) for e in plan.inputs]
    context = {"cost": _cost(request, plan, slots), "slots": slots, "account": plan.account}
    return TemplateResponse(request, "generation/_studio_cost.html", context)


@require_GET
@team_view(Right.LAUNCH)
def studio_stage(request: TeamRequest) -> TemplateResponse:
    """The chosen photo, large."""
    plan = _plan(request.GET)
    photos = [entry for entry in plan.inputs if entry.kind is InputKind.PHOTO]
    photo = _photo(request.team, request.GET.get(photos[0].name, "")) if photos else None
    return TemplateResponse(request, "generation/_studio_stage.html", {"photo": photo})


@require_GET
@team_view(Right.LAUNCH)
def photo_list(request: TeamRequest) -> TemplateResponse:
    """Photos of the products that match ?q=, the chosen one always among them."""
    plan, entry = _asked_input(request.GET, pictures=True)
    context = {
        "slot": _photo_slot(request.team, entry, request.GET),
        "operation": plan.operation,
        "offer": plan.offer,
    }
    return TemplateResponse(request, _items(request, "photo"), context)


@require_GET
@team_view(Right.LAUNCH)
def preset_list(request: TeamRequest) -> TemplateResponse:
    """Presets of one kind: by name with ?q=, the following page with ?after=."""
    plan, entry = _asked_input(request.GET, pictures=False)
    context = {
        "slot": _preset_slot(plan.account, entry, request.GET),
        "operation": plan.operation,
        "offer": plan.offer,
        "account": plan.account,
    }
    return TemplateResponse(request, _items(request, "preset"), context)


@require_POST
@team_view(Right.LAUNCH)
def job_create(request: TeamRequest) -> HttpResponse:
    """Launch one job. The same request key a second time is the same job."""
    plan = _plan(request.POST)
    form = LaunchForm(request.POST, team=request.team, inputs=plan.inputs, account=plan.account)
    if rate_limited(request, "launch", LAUNCHES_PER_MINUTE, 60):
        form.is_valid()
        form.add_error(None, _("Too many launches in a short time. Wait a minute."))
        return _refused(request, form, plan, status=429)
    if not form.is_valid():
        return _refused(request, form, plan)
    chosen = form.chosen()
    photo = next((value for value in chosen.values() if isinstance(value, Asset)), None)
    try:
        services.launch_job(
            team=request.team,
            by=request.user,
            operation=plan.operation.name,
            offer=plan.offer.name,
            request_key=form.cleaned_data["request_key"],
            product=photo.product if photo else None,
            inputs=chosen,
            shown_price=form.cleaned_data["price"],
        )
    except services.LaunchRefused as refused:
        form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
        return _refused(request, form, plan)
    except InsufficientCredits as short:
        form.add_error(None, str(short))
        return _refused(request, form, plan)
    return _launched(request, plan)


# --- Answers ----------------------------------------------------------------------------------


def _launched(request: TeamRequest, plan: Plan) -> HttpResponse:
    text = _("1 job started.")
    queue = reverse("generation:queue", args=[request.team.slug])
    if not request.htmx:
        messages.success(request, text)
        kept = {e.name: request.POST[e.name] for e in plan.inputs if request.POST.get(e.name)}
        here = reverse("generation:studio", args=[request.team.slug])
        return redirect(f"{here}?{urlencode({'operation': plan.operation.name, **kept})}")
    _forget_balance(request)
    slots = [_chosen_slot(request.team, plan.account, e, request.POST) for e in plan.inputs]
    context = {
        "cost": _cost(request, plan, slots),
        "slots": slots,
        "account": plan.account,
        "request_key": uuid4(),
    }
    response = TemplateResponse(request, "generation/_studio_launched.html", context)
    toast = {"text": text, "tone": "positive", "url": queue, "url_text": _("View queue")}
    return trigger_client_event(response, "toast", toast)


def _refused(
    request: TeamRequest, form: LaunchForm, plan: Plan, *, status: int = 422
) -> HttpResponse:
    _forget_balance(request)
    if not request.htmx:
        return _page(request, plan, request.POST, form=form, status=status)
    slots = [
        _chosen_slot(request.team, plan.account, entry, request.POST, form=form)
        for entry in plan.inputs
    ]
    context = {
        "operations": _priced_operations(plan.configured),
        "cost": _cost(request, plan, slots),
        "slots": slots,
        "account": plan.account,
        "form": form,
        "form_errors": _form_errors(form),
        "focus": next((name for name in form.errors if name in form.fields), ""),
    }
    # 422 for every refusal: it is what htmx is told to swap.
    return TemplateResponse(request, "generation/_studio_refused.html", context, status=422)


def _page(
    request: TeamRequest,
    plan: Plan,
    values: QueryDict,
    *,
    form: LaunchForm | None = None,
    status: int = 200,
) -> TemplateResponse:
    slots = []
    for entry in plan.inputs:
        if entry.kind is InputKind.PHOTO:
            slots.append(_photo_slot(request.team, entry, values, form=form))
        else:
            slots.append(_preset_slot(plan.account, entry, values, form=form))
    photo = next((slot.chosen for slot in slots if slot.is_photo), None)
    context = {
        "operations": _priced_operations(plan.configured),
        "operation": plan.operation,
        "offer": plan.offer,
        "account": plan.account,
        "slots": slots,
        "photo": photo,
        "cost": _cost(request, plan, slots),
        "form": form,
        "form_errors": _form_errors(form),
        "request_key": _request_key(form),
    }
    return TemplateResponse(request, "generation/studio.html", context, status=status)


def _cost(request: TeamRequest, plan: Plan, slots: list[Slot]) -> Cost:
    given = [slot.input.name for slot in slots if slot.chosen]
    return cost_of_launch(request, plan.operation, plan.offer, plan.account, given)


def _request_key(form: LaunchForm | None) -> UUID:
    """A refused form keeps its key: it was not used."""
    kept = form.cleaned_data.get("request_key") if form and form.is_bound else None
    return kept if isinstance(kept, UUID) else uuid4()


def _form_errors(form: LaunchForm | None) -> list[str]:
    """Errors that belong to no visible field."""
    if form is None:
        return []
    incomplete = [*form.errors.get("request_key", []), *form.errors.get("price", [])]
    return [*form.non_field_errors(), *incomplete[:1]]


def _items(request: TeamRequest, kind: str) -> str:
    """A following page is only its items; a new search is the whole list."""
    return f"generation/_{kind}_{'items' if request.GET.get('after') else 'list'}.html"


# --- What is chosen, and what there is to choose ----------------------------------------------


def _plan(values: QueryDict) -> Plan:
    name = values.get("operation", "") or IN_STUDIO[0]
    if name not in IN_STUDIO:
        raise Http404
    operation = OPERATIONS[name]
    configured = configured_providers()
    offer = _usual_offer(operation, configured)
    return Plan(operation, offer, current_account(offer.provider), configured)


def _usual_offer(operation: Operation, configured: Collection[str]) -> Offer:
    # Without any provider the page still shows what there would be; the launch says what is wrong.
    return next(iter(offers_of(operation, configured)), operation.offers[0])


def _priced_operations(configured: Collection[str]) -> list[tuple[Operation, int]]:
    """What the studio can do, and credits for one job of each."""
    rows = [OPERATIONS[name] for name in IN_STUDIO]
    prices = prices_at()
    return [(row, prices.quote(row.name, _usual_offer(row, configured)).total) for row in rows]


def _asked_input(values: QueryDict, *, pictures: bool) -> tuple[Plan, Input]:
    plan = _plan(values)
    for entry in plan.inputs:
        if entry.name == values.get("input") and entry.kind.is_picture is pictures:
            return plan, entry
    raise Http404


def _photo(team: Team, pk: str) -> Asset | None:
    """A photo of the team by its id as an address tells it; None if there is none such."""
    if not pk:
        return None
    try:
        return _photos(team).filter(pk=pk).first()
    except ValidationError:
        return None


def _photos(team: Team) -> QuerySet[Asset]:
    return (
        Asset.objects.for_team(team)
        .photos()
        .filter(product__archived_at=None)
        .select_related("product")
        .prefetch_related("renditions")
    )


def _photo_slot(
    team: Team, entry: Input, values: QueryDict, *, form: LaunchForm | None = None
) -> Slot:
    words = search_words(values.get("q", ""))
    # Pages of products link here with ?photo=, whatever the operation calls its input.
    chosen = _photo(team, values.get(entry.name) or values.get("photo", ""))
    rows = _photos(team)
    if words:
        rows = rows.filter(product__in=Product.objects.for_team(team).matching(words))
    page = keyset_page(
        rows, by_time("created_at"), after=values.get("after", ""), size=PHOTOS_SHOWN
    )
    choices = page.rows
    if chosen and not values.get("after"):
        choices = [chosen, *(photo for photo in choices if photo.pk != chosen.pk)]
    elif chosen:
        choices = [photo for photo in choices if photo.pk != chosen.pk]
    return Slot(entry, choices, chosen, page.after, words, _errors(form, entry))


def _preset_slot(
    account: ProviderAccount, entry: Input, values: QueryDict, *, form: LaunchForm | None = None
) -> Slot:
    words = search_words(values.get(f"{entry.name}_q", ""))
    offered = Preset.objects.offered(account, entry.kind)
    chosen = _preset(account, entry, values)
    rows = offered.filter(name__icontains=words) if words else offered
    size = PRESETS_WITHOUT_SCRIPT if values.get("presets") == "more" else PRESETS_SHOWN
    page = keyset_page(rows, by_number("position"), after=values.get("after", ""), size=size)
    choices = page.rows
    on_page = {preset.pk for preset in choices}
    if chosen and not values.get("after") and chosen.pk not in on_page:
        choices = [chosen, *choices]
    return Slot(entry, choices, chosen, page.after, words, _errors(form, entry))


def _chosen_slot(
    team: Team,
    account: ProviderAccount,
    entry: Input,
    values: QueryDict,
    *,
    form: LaunchForm | None = None,
) -> Slot:
    chosen: Asset | Preset | None
    if entry.kind is InputKind.PHOTO:
        chosen = _photo(team, values.get(entry.name, ""))
    else:
        chosen = _preset(account, entry, values)
    return Slot(entry, [], chosen, errors=_errors(form, entry))


def _preset(account: ProviderAccount, entry: Input, values: QueryDict) -> Preset | None:
    pk = values.get(entry.name, "")
    if not pk:
        return None
    try:
        return Preset.objects.offered(account, entry.kind).filter(pk=pk).first()
    except ValidationError:
        return None


def _errors(form: LaunchForm | None, entry: Input) -> list[str] | None:
    return [str(error) for error in form.errors.get(entry.name, [])] if form else None


def _forget_balance(request: TeamRequest) -> None:
    """The account was read before the launch moved it."""
    request.team.credit_account.refresh_from_db()
