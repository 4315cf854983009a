"""What the tests of the catalog share: an own folder of files, a product, and drawn pictures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image, ImageDraw

from catalog.checking import check_upload
from catalog.models import Asset, Product, Upload
from catalog.services import create_product
from teams.models import Team, User


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    """The folder of private files, empty at the beginning of every test."""
    folder = tmp_path / "files"
    folder.mkdir()
    settings.FILES_DIR = folder
    return folder


def stored(files: Path) -> list[str]:
    """Every file that lies in the storage, by its path."""
    return sorted(str(path.relative_to(files)) for path in files.rglob("*") if path.is_file())


@pytest.fixture
def product(team: Team, alice: User) -> Product:
    return create_product(team=team, by=alice, name="Linen shirt", sku="LS-1")


@pytest.fixture
def client_of_alice(alice: User) -> Client:
    """Alice's browser."""
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Draw a small picture into a file; another seed gives another picture."""

    def draw_picture(
        name: str = "photo.jpg",
        size: tuple[int, int] = (300, 400),
        *,
        seed: int = 0,
        mode: str = "RGB",
        **options: Any,
    ) -> Path:
        picture = Image.new("RGB", size, (240, 236, seed % 256))
        drawing = ImageDraw.Draw(picture)
        drawing.rectangle((0, 0, size[0] // 2, size[1] // 2), fill=(200, 30, 30))
        path = tmp_path / name
        picture.convert(mode).save(path, **options)
        return path

    return draw_picture


def ask_ticket(client: Client, product: Product, name: str, size: int) -> Any:
    """Ask for a ticket as the page's script does; the answer, whatever it is."""
    url = reverse("catalog:upload_create", args=[product.team.slug, product.pk])
    told = {"name": name, "size": size, "type": "image/jpeg"}
    return client.post(url, json.dumps(told), content_type="application/json")


def bring(client: Client, ticket: dict[str, Any], data: bytes, field: str = "file") -> Any:
    """Bring a file by its ticket."""
    file = SimpleUploadedFile("anything.exe", data, "text/html")
    return client.post(ticket["url"], {**ticket["fields"], field: file})


def upload(client: Client, product: Product, data: bytes, name: str = "photo.jpg") -> Upload:
    """The whole way of one file: ticket, file, done, check; the upload as it ended."""
    ticket = ask_ticket(client, product, name, len(data)).json()
    assert bring(client, ticket, data).status_code == 201
    assert client.post(ticket["done_url"]).json()["state"] == "received"
    check_upload(ticket["id"])
    return Upload.objects.get(pk=ticket["id"])


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def counts(product: Product) -> tuple[int, int, int]:
    """Photos and bytes that are counted, and assets that exist."""
    product.refresh_from_db()
    product.team.refresh_from_db()
    return product.photo_count, product.team.storage_bytes, Asset.objects.count()


def done_url(done: Upload) -> str:
    """Where the browser says that its file arrived."""
    return reverse("catalog:upload_done", args=[done.team.slug, done.pk])


@pytest.fixture
def received(client_of_alice: Client, product: Product, draw: Callable[..., Path]) -> Upload:
    """An upload that has arrived and waits to be checked."""
    data = draw().read_bytes()
    ticket = ask_ticket(client_of_alice, product, "a.jpg", len(data)).json()
    bring(client_of_alice, ticket, data)
    client_of_alice.post(ticket["done_url"])
    return Upload.objects.get()
