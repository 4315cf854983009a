"""`manage.py run_job`: the main job from the shell, through the services that the pages use.

The work is done by the worker of a running installation; this command launches, waits and writes
the results to files. Exit code 0 means that every expected result came back; a partial or failed
job, a refusal and a time-out give 1 (what was delivered is still written).
"""

from __future__ import annotations

import json
import time
import uuid
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils.translation import ngettext

from catalog.models import Asset, Product, Upload
from catalog.services import UploadRefused, create_product, finish_upload, start_upload
from catalog.storage import INCOMING_TYPE, storage
from generation.engine.heartbeat import worker_is_alive
from generation.filenames import result_name
from generation.models import Job, Output, Preset, State
from generation.operations import OPERATIONS, Input, InputKind, Offer, Operation
from generation.providers.registry import current_account, offers_of
from generation.services import LaunchRefused, launch_job
from teams.credits import InsufficientCredits
from teams.models import Membership, Role, Team, User

PRODUCT = "Shell jobs"
"""The product that photos from the shell belong to unless --product names another."""

_LOOK_EVERY = 0.3
_NAMES_TOLD = 10
_KIND_WORDS = {
    InputKind.MODEL_PRESET: "model",
    InputKind.SCENE_PRESET: "scene",
    InputKind.AI_BACKGROUND_PRESET: "AI background",
    InputKind.BACKGROUND_PRESET: "background",
}
_Found = TypeVar("_Found")


class Command(BaseCommand):
    """See the module docstring."""

    help = "Run one job of any operation and write its results into a folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name what to run, on what, and where the results go."""
        parser.add_argument("--team", required=True, help="slug of the team that pays")
        parser.add_argument("--operation", default="swap_model", choices=sorted(OPERATIONS))
        parser.add_argument(
            "--offer", default="", help="which provider's way of doing it; default: the usual one"
        )
        parser.add_argument("--image", type=Path, help="file of the first picture it takes")
        parser.add_argument(
            "--preset", default="", help="id or name of the first preset; default: the first"
        )
        parser.add_argument("--scene", default="", help="id or name of a scene")
        parser.add_argument(
            "--input",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a further input: a picture file, or the id or name of a preset",
        )
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a setting, such as prompt or num_images",
        )
        parser.add_argument("--product", default="", help=f"SKU; default: product {PRODUCT!r}")
        parser.add_argument("--out", required=True, type=Path, help="folder for the results")
        parser.add_argument("--json", action="store_true", help="end stdout with one JSON object")
        parser.add_argument("--timeout", type=float, default=900, help="seconds to wait")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the job and end with exit code 0 or 1."""
        self._ends_at = time.monotonic() + options["timeout"]
        self._as_json = options["json"]
        try:
            job = self._launch(options)
        except (CommandError, LaunchRefused, InsufficientCredits, UploadRefused) as exc:
            self._report(None, "not_launched", 0, [], str(exc))
            raise CommandError(str(exc)) from exc
        try:
            self._follow(job)
        finally:
            job.refresh_from_db()
            paths = self._write_results(job, options["out"])
            ended = "" if job.state == State.SUCCEEDED else _ending(job)
            self._report(job, job.state, job.captured or 0, paths, ended)
        if job.state != State.SUCCEEDED:
            raise CommandError(_ending(job))

    # Steps --------------------------------------------------------------------------------------

    def _launch(self, options: dict[str, Any]) -> Job:
        team = Team.objects.filter(slug=options["team"]).first()
        if team is None:
            raise CommandError(f"There is no team {options['team']!r}.")
        operation = OPERATIONS[options["operation"]]
        offer = _find_offer(operation, options["offer"])
        files, names = _given(offer, options)
        for path in files.values():
            if not path.is_file():
                raise CommandError(f"There is no file {path}.")
        try:
            options["out"].mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise CommandError(f"{options['out']} cannot be the folder for the results.") from exc
        if not worker_is_alive():
            raise CommandError("No worker is running. Start one with `make run`, then try again.")
        owner = Membership.objects.select_related("user").filter(team=team, role=Role.OWNER).first()
        if owner is None:
            raise CommandError("The team has no owner to launch the job for.")
        inputs: dict[str, Asset | Preset] = {}
        for entry in offer.inputs:
            wanted = names.get(entry.name, "")
            if not entry.kind.is_picture and (entry.required or wanted):
                inputs[entry.name] = self._find_preset(offer, entry.kind, wanted)
        product = _find_product(team, owner.user, options["product"])
        uploaded: dict[Path, Asset] = {}
        for name, path in files.items():
            if path not in uploaded:
                uploaded[path] = self._upload(product, owner.user, path)
            inputs[name] = uploaded[path]
        job = launch_job(
            team=team,
            by=owner.user,
            operation=operation.name,
            offer=offer.name,
            request_key=uuid.uuid4(),
            product=product,
            inputs=inputs,
            options=dict(_pairs(options["set"])),
        )
        held = ngettext("%d credit held", "%d credits held", job.price) % job.price
        self._say(f"Job {job.pk}: {operation.label} by {offer.label}, {held}.")
        for name, given in inputs.items():
            if isinstance(given, Preset) and not names.get(name):
                self._say(f"Took {given} as {name}, the first offered: none was named.")
        return job

    def _find_preset(self, offer: Offer, kind: InputKind, wanted: str) -> Preset:
        account = current_account(offer.provider)

        def find() -> Preset | None:
            for preset in Preset.objects.offered(account, kind.value):
                names = (preset.remote_id, str(preset.pk), preset.name.casefold())
                if not wanted or wanted in names or wanted.casefold() == names[2]:
                    return preset
            account.refresh_from_db()
            if account.presets_synced_at is None:
                return None  # The worker is just reading the list for the first time.
            word = _KIND_WORDS[kind]
            offered = Preset.objects.offered(account, kind.value)[:_NAMES_TOLD]
            told = ", ".join(str(preset) for preset in offered)
            if not told:
                raise CommandError(f"The provider offers no {word} now.")
            raise CommandError(f"No {word} {wanted!r} is offered. Some that are: {told}.")

        return self._wait_for(find, "the list of presets")

    def _upload(self, product: Product, by: User, image: Path) -> Asset:
        upload, _ticket = start_upload(
            product=product, by=by, name=image.name, bytes_=image.stat().st_size
        )
        storage().save(upload.key, image, content_type=INCOMING_TYPE)
        finish_upload(upload)

        def find() -> Asset | None:
            upload.refresh_from_db()
            if upload.state == Upload.State.REFUSED:
                if upload.duplicate_of is not None:
                    return upload.duplicate_of
                raise UploadRefused(upload.error)
            return upload.asset

        return self._wait_for(find, "the check of the photo")

    def _follow(self, job: Job) -> None:
        shown = ""
        started = time.monotonic()

        def ended() -> bool | None:
            nonlocal shown
            job.refresh_from_db()
            if job.state != shown:
                shown = job.state
                self._say(f"{time.monotonic() - started:6.1f} s  {job.get_state_display()}")
            # Nothing more happens by itself: somebody has to decide.
            return job.is_finished or job.state == State.UNKNOWN or None

        self._wait_for(ended, "the job; it goes on and its results will be in the review")

    def _write_results(self, job: Job, out: Path) -> list[Path]:
        paths = []
        delivered = job.outputs.filter(state=Output.State.DELIVERED)
        outputs = delivered.select_related("asset", "job__product")
        for output in outputs.order_by("index"):
            if output.asset is not None:
                path = out / result_name(output)
                storage().fetch(output.asset.key, path)
                paths.append(path)
        return paths

    # Words --------------------------------------------------------------------------------------

    def _wait_for(self, find: Callable[[], _Found | None], what: str) -> _Found:
        while (found := find()) is None:
            if time.monotonic() > self._ends_at:
                raise CommandError(f"Time is over, waiting for {what}.")
            time.sleep(_LOOK_EVERY)
        return found

    def _say(self, line: str) -> None:
        self.stderr.write(line, style_func=str)

    def _report(
        self, job: Job | None, state: str, credits_charged: int, paths: list[Path], error: str
    ) -> None:
        names = [str(path) for path in paths]
        if self._as_json:
            told: dict[str, object] = {
                "job": str(job.pk) if job else None,
                "state": state,
                "credits_charged": credits_charged,
                "outputs": names,
            }
            if error:
                told["error"] = error
            self.stdout.write(json.dumps(told))
        elif job is not None:
            held = "" if job.is_finished else f", {job.price} held"
            spent = ngettext("%d credit spent", "%d credits spent", credits_charged)
            spent %= credits_charged
            self.stdout.write(f"{job.get_state_display()}, {spent}{held}.")
            for name in names:
                self.stdout.write(name)


def _find_offer(operation: Operation, name: str) -> Offer:
    offers = {offer.name: offer for offer in offers_of(operation)}
    if not offers:
        raise CommandError(f"No provider is set up for {operation.name}.")
    if name and name not in offers:
        raise CommandError(f"There is no offer {name!r}. There are: {', '.join(offers)}.")
    return offers[name] if name else next(iter(offers.values()))


def _given(offer: Offer, options: dict[str, Any]) -> tuple[dict[str, Path], dict[str, str]]:
    """The picture files and the preset names by the name of their input."""
    pictures = [entry for entry in offer.inputs if entry.kind.is_picture]
    presets = [entry for entry in offer.inputs if not entry.kind.is_picture]
    files: dict[str, Path] = {}
    names: dict[str, str] = {}
    if options["image"] is not None:
        files[_first(offer, pictures, "--image").name] = options["image"]
    if options["preset"]:
        names[_first(offer, presets, "--preset").name] = options["preset"]
    if options["scene"]:
        scenes = [entry for entry in presets if entry.kind is InputKind.SCENE_PRESET]
        names[_first(offer, scenes, "--scene").name] = options["scene"]
    for name, value in _pairs(options["input"]):
        entry = offer.input(name)
        if entry is None:
            known = ", ".join(entry.name for entry in offer.inputs)
            raise CommandError(f"There is no input {name!r}. There are: {known}.")
        if entry.kind.is_picture:
            files[name] = Path(value)
        else:
            names[name] = value
    missing = [entry.name for entry in pictures if entry.required and entry.name not in files]
    if missing:
        raise CommandError(f"Give a file for {missing[0]}: --input {missing[0]}=FILE.")
    return files, names


def _first(offer: Offer, entries: list[Input], argument: str) -> Input:
    if not entries:
        raise CommandError(f"{offer.label} takes nothing for {argument}.")
    return entries[0]


def _pairs(given: list[str]) -> list[tuple[str, str]]:
    for text in given:
        if "=" not in text:
            raise CommandError(f"Write {text!r} as NAME=VALUE.")
    return [(name, value) for name, _, value in (text.partition("=") for text in given)]


def _ending(job: Job) -> str:
    if job.state == State.UNKNOWN:
        page = settings.BASE_URL + reverse("generation:job_detail", args=[job.team.slug, job.pk])
        held = ngettext("%d credit stays held", "%d credits stay held", job.price) % job.price
        return (
            "The provider gave no answer, so it may or may not have taken the job; "
            f"{held}. Decide there whether to run it again or to give it up: {page}"
        )
    if not job.is_finished:
        return "Time is over. The job goes on; its results will be in the review."
    return job.error or f"The job ended as: {job.get_state_display()}."


def _find_product(team: Team, by: User, sku: str) -> Product:
    products = Product.objects.for_team(team)
    if sku:
        product = products.filter(sku=sku).first()
        if product is None:
            raise CommandError(f"The team has no product with the SKU {sku!r}.")
        return product
    return products.filter(name=PRODUCT, sku="").first() or create_product(
        team=team, by=by, name=PRODUCT
    )
