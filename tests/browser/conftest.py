"""What browser tests share: Chromium, a guard on its console, a signed-in page, axe, a worker.

A test that expects an answer of 4xx or 5xx names it in `allowed`, since Chromium writes each
into the console.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from catalog import tasks
from catalog.models import Asset, Product, Upload
from catalog.services import create_product
from teams.models import Team, User

# Playwright's sync API keeps an event loop in this thread, in which Django would refuse to work.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
INSTALL = "Chromium was not found. Install it: apt-get install chromium (or set CHROMIUM=/path)."
# Colours are judged once what fades in is there; what never ends is not waited for.
AT_REST = """() => Promise.all(
  document.getAnimations()
    .filter((animation) => animation.effect.getComputedTiming().iterations !== Infinity)
    .map((animation) => animation.finished.catch(() => {}))
)"""
ASK_AXE = "options => axe.run(options).then((results) => results.violations)"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder, and skip it in one line where no Chromium is."""
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason=INSTALL))


@pytest.fixture(scope="session")
def base_url() -> str:
    """Addresses in these tests are whole; the plugin's own fixture warns under pytest 9."""
    return ""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": ["--no-sandbox"]}


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 1280, "height": 860}}


@pytest.fixture
def allowed() -> list[str]:
    """Pieces of text that the console may show in this test; append to it."""
    return []


@pytest.fixture
def page(page: Any, allowed: list[str]) -> Iterator[Any]:
    """A page whose console stays silent: errors, warnings, refused scripts and lost requests fail."""
    seen: list[str] = []

    def note_console(message: Any) -> None:
        if message.type in ("error", "warning"):
            seen.append(f"{message.text} {message.location.get('url', '')}")

    def note_lost(request: Any) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):
            seen.append(f"lost: {request.url} {request.failure}")

    page.on("console", note_console)
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("requestfailed", note_lost)
    yield page
    assert not [text for text in seen if not any(word in text for word in allowed)]


@pytest.fixture
def sign_in(page: Any, live_server: Any) -> Callable[[User], Any]:
    """Sign a person in without the form, which has its own test."""

    def signed_in(user: User) -> Any:
        client = Client()
        client.force_login(user)
        value = client.cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": value, "url": live_server.url}])
        return page

    return signed_in


@pytest.fixture
def files(settings: Any, tmp_path: Path) -> Path:
    """The folder of private files, empty at the beginning."""
    folder = tmp_path / "files"
    folder.mkdir()
    settings.FILES_DIR = folder
    return folder


@pytest.fixture
def live_team(transactional_db: None, files: Path, team: Team) -> Team:
    """Alice's team on the live server."""
    return team


@pytest.fixture
def product(live_team: Team, alice: User) -> Product:
    return create_product(
        team=live_team, by=alice, name="Linen shirt", sku="LS-1", category="tops", notes="Loose."
    )


@pytest.fixture
def worker(live_team: Team) -> Iterator[None]:
    """Does what a worker does for uploads: checks what arrived and makes its pictures."""
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.wait(0.1):
                waiting = Upload.objects.filter(state=Upload.State.RECEIVED)
                for upload in waiting.values_list("pk", flat=True):
                    tasks.check_upload(str(upload))
        finally:
            connection.close()

    thread = threading.Thread(target=work, name="test-worker")
    thread.start()
    yield
    stop.set()
    thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.fixture
def photo(product: Product, tmp_path: Path) -> Asset:
    """A photo with its smaller copies, stored as an upload leaves it."""
    from tests.factories import make_photo

    return make_photo(product, name="front.jpg")


@pytest.fixture
def faults(page: Any) -> Callable[..., list[str]]:
    """What axe finds wrong with the page as it is now; asked for some rules, or for all."""
    from axe_playwright_python.base import AXE_SCRIPT

    def found(rules: Sequence[str] = ()) -> list[str]:
        page.evaluate(AT_REST)
        if page.evaluate("typeof axe === 'undefined'"):
            page.evaluate(AXE_SCRIPT)
        # preload would add an inline style, which the page's own policy reports.
        options = {
            "runOnly": list(rules or AXE_TAGS),
            "preload": False,
            "resultTypes": ["violations"],
        }
        violations = page.evaluate(ASK_AXE, options)
        return [
            f"{fault['id']}: {node['target']} {node['failureSummary']}"
            for fault in violations
            for node in fault["nodes"]
        ]

    return found
