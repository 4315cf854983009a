"""Makes teams, photos, presets and jobs for tests, through the product's own services where it can."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
import uuid
from pathlib import Path
from typing import Any

from django.utils.timezone import now
from PIL import Image, ImageDraw

from catalog.models import Asset, Product, Rendition
from generation.models import Job, Output, Preset
from generation.providers.registry import current_account
from generation.services import launch_job
from generation.transitions import advance, end_job
from teams.credits import grant
from teams.models import CreditAccount, Membership, Role, Team, User

_number = itertools.count(1)

PASSWORD = "correct horse battery"
RENDITIONS = {"thumb": 160, "card": 512, "screen": 1600}


def make_user(email: str = "", *, name: str = "", password: str = PASSWORD, **fields: Any):
    """A person who can sign in."""
    email = email or f"person{next(_number)}@example.com"
    return User.objects.create_user(email, password, name=name or email.partition("@")[0], **fields)


def make_team(name: str = "", *, owner: User | None = None, credits_: int = 100) -> Team:
    """A team with an owner and `credits_` credits."""
    number = next(_number)
    team = Team.objects.create(name=name or f"Team {number}", slug=f"team-{number}")
    CreditAccount.objects.get_or_create(team=team)
    Membership.objects.create(team=team, user=owner or make_user(), role=Role.OWNER)
    if credits_:
        grant(team=team, amount=credits_, actor="tests", reason="For tests", key=f"tests-{number}")
    return team


def owner_of(team: Team) -> User:
    """The person who owns the team."""
    return User.objects.get(memberships__team=team, memberships__role=Role.OWNER)


def add_member(team: Team, role: Role = Role.CREATOR, user: User | None = None) -> User:
    """A further member of the team."""
    user = user or make_user()
    Membership.objects.create(team=team, user=user, role=role)
    return user


def make_product(team: Team, name: str = "", **fields: Any) -> Product:
    """A product without photos."""
    return Product.objects.create(team=team, name=name or f"Product {next(_number)}", **fields)


def draw_photo(
    path: Path, *, size: tuple[int, int] = (480, 600), file_format: str = "JPEG", seed: int = 0
) -> Path:
    """Draw a picture of a standing figure; another seed gives other colours and bytes."""
    width, height = size
    picture = Image.new("RGB", size, (226 - seed % 60, 222, 214))
    draw = ImageDraw.Draw(picture)
    draw.ellipse(
        (width * 0.4, height * 0.08, width * 0.6, height * 0.26), fill=(200, 160, 130 + seed % 90)
    )
    draw.rectangle(
        (width * 0.32, height * 0.26, width * 0.68, height * 0.62), fill=(40 + seed % 160, 80, 120)
    )
    draw.rectangle((width * 0.36, height * 0.62, width * 0.64, height * 0.96), fill=(60, 60, 70))
    # WebP's usual effort takes ten times as long, and most tests look at no copy at all.
    effort = {"lossless": True, "method": 0} if file_format == "WEBP" else {"quality": 85}
    picture.save(path, file_format, **effort)
    return path


def make_photo(
    product: Product,
    *,
    size: tuple[int, int] = (480, 600),
    file_format: str = "JPEG",
    name: str = "",
    with_renditions: bool = True,
) -> Asset:
    """A photo of the product as an accepted upload leaves it: row, stored file, renditions."""
    number = next(_number)
    asset = _store_picture(product, number, size, file_format, name, Asset.Kind.PHOTO)
    Product.objects.filter(pk=product.pk).update(photo_count=product.photo_count + 1)
    product.refresh_from_db()
    if product.primary_photo_id is None:
        product.primary_photo = asset
        product.save(update_fields=["primary_photo"])
    if with_renditions:
        _store_renditions(asset, number)
    return asset


def make_mask(photo: Asset, *, size: tuple[int, int] | None = None) -> Asset:
    """A black and white mask of a photo, white in the middle; of another size if one is given."""
    assert photo.product is not None
    width, height = size or (photo.width, photo.height)
    mask = Image.new("L", (width, height), 0)
    ImageDraw.Draw(mask).rectangle(
        (width // 3, height // 4, width * 2 // 3, height * 3 // 5), fill=255
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask"
        mask.save(path, "PNG")
        return _store_file(photo.product, path, (width, height), "PNG", "mask", Asset.Kind.PHOTO)


def make_presets(count: int = 3, *, kind: Preset.Kind = Preset.Kind.MODEL) -> list[Preset]:
    """Presets that the current provider account offers, without pictures."""
    account = current_account()
    first = next(_number) * 1000
    return [
        Preset.objects.create(
            account=account,
            kind=kind,
            remote_id=str(first + index),
            name=f"{kind.label} {index + 1}",
            image_url=f"{account.base_url}/files/presets/{first + index}.jpg",
            position=index,
        )
        for index in range(count)
    ]


def launch_swap(
    team: Team,
    *,
    photo: Asset | None = None,
    model: Preset | None = None,
    scene: Preset | None = None,
    by: User | None = None,
    request_key: uuid.UUID | None = None,
) -> Job:
    """Launch Swap fashion model through the service, with a new product and photo if none is given."""
    photo = photo or make_photo(make_product(team), size=(240, 300))
    inputs: dict[str, Asset | Preset] = {
        "model_image": photo,
        "model": model or make_presets(1)[0],
    }
    if scene is not None:
        inputs["scene"] = scene
    return launch_job(
        team=team,
        by=by or owner_of(team),
        operation="swap_model",
        request_key=request_key or uuid.uuid4(),
        product=photo.product,
        inputs=inputs,
    )


def deliver_swap(team: Team, *, delivered: int = 2, job: Job | None = None) -> Job:
    """A job whose results came back: `delivered` of the two expected ones, settled accordingly.

    Walks the job through its states without an engine; for tests of what follows delivery.
    """
    job = job or launch_swap(team)
    product = job.product
    assert product is not None
    outputs = list(job.outputs.order_by("index"))
    for output in outputs[:delivered]:
        asset = _store_picture(
            product, next(_number), (480, 600), "PNG", f"result-{output.letter}.png", "result"
        )
        _store_renditions(asset, next(_number))
        output.asset = asset
        output.state = Output.State.DELIVERED
        output.charged = True
        output.save()
    assert advance(job, job.state, "collecting", submitted_at=now(), remote_ended_at=now())
    state = "succeeded" if delivered == len(outputs) else "partial" if delivered else "failed"
    assert end_job(
        job,
        "collecting",
        state,
        captured=delivered * job.unit_price,
        outputs_delivered=delivered,
        outputs_waiting=delivered,
        error="" if delivered == len(outputs) else "The image could not be generated.",
    )
    return job


def _store_picture(
    product: Product,
    number: int,
    size: tuple[int, int],
    file_format: str,
    name: str,
    kind: str,
) -> Asset:
    with tempfile.TemporaryDirectory() as folder:
        path = draw_photo(
            Path(folder) / "photo", size=size, file_format=file_format, seed=number * 7
        )
        return _store_file(product, path, size, file_format, name or f"photo-{number}", kind)


def _store_file(
    product: Product,
    path: Path,
    size: tuple[int, int],
    file_format: str,
    name: str,
    kind: str,
) -> Asset:
    asset_id = uuid.uuid4()
    suffix = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}[file_format]
    key = f"t/{product.team_id}/{kind}/{asset_id}.{suffix}"
    _save(key, path, f"image/{file_format.lower()}")
    return Asset.objects.create(
        id=asset_id,
        team=product.team,
        product=product,
        kind=kind,
        key=key,
        name=name if "." in name else f"{name}.{suffix}",
        format=file_format.lower(),
        bytes=path.stat().st_size,
        width=size[0],
        height=size[1],
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        average_colour="#9a9a90",
    )


def _store_renditions(asset: Asset, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for purpose, side in RENDITIONS.items():
            scale = min(1.0, side / max(asset.width, asset.height))
            size = (round(asset.width * scale), round(asset.height * scale))
            path = draw_photo(Path(folder) / purpose, size=size, file_format="WEBP", seed=seed * 7)
            key = f"t/{asset.team_id}/renditions/{asset.pk}/{purpose}.webp"
            _save(key, path, "image/webp")
            Rendition.objects.create(
                asset=asset,
                purpose=purpose,
                key=key,
                format="webp",
                bytes=path.stat().st_size,
                width=size[0],
                height=size[1],
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
    asset.renditions_at = now()
    asset.save(update_fields=["renditions_at"])


def _save(key: str, path: Path, content_type: str) -> None:
    from catalog.storage import storage

    storage().save(key, path, content_type=content_type)
