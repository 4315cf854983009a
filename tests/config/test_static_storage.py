"""Collected files carry their checksum in their name, and the style sheets are one file."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from config import static_storage

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_storage.StaticStorage"},
}


@pytest.fixture
def collect(tmp_path):
    """Collect the given files (or the project's) into a folder and return its storage."""

    def run(files=None, *, embedded=True):
        options = {"STATIC_ROOT": tmp_path / "out", "STORAGES": STORAGES, "EMBEDDED": embedded}
        if files is not None:
            for name, text in files.items():
                (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / "in" / name).write_text(text)
            options |= {
                "STATICFILES_DIRS": [tmp_path / "in"],
                "STATICFILES_FINDERS": ["django.contrib.staticfiles.finders.FileSystemFinder"],
            }
        with override_settings(**options):
            call_command("collectstatic", interactive=False, clear=True, verbosity=0)
            return static_storage.StaticStorage()

    return run


def read(storage, name) -> str:
    return Path(storage.base_location, storage.stored_name(name)).read_text()


def test_every_file_of_the_project_is_collected_under_a_hashed_name(collect):
    with override_settings(STATIC_ROOT=settings.STATIC_ROOT):
        storage = collect()

    assert re.fullmatch(r"css/app\.[0-9a-f]{12}\.css", storage.stored_name("css/app.css"))
    assert re.fullmatch(r"js/app\.[0-9a-f]{12}\.js", storage.stored_name("js/app.js"))
    css = read(storage, "css/app.css")
    assert "@import" not in css
    assert css.startswith(("/*", "@layer"))
    assert len(css) > 10_000


def test_imports_are_joined_in_their_order_with_their_layer(collect):
    storage = collect(
        {
            "css/app.css": '@layer a, b;\n@import url("./a.css");\n@import "b/b.css" layer(b);\n',
            "css/a.css": ".a { color: red; }",
            "css/b/b.css": '@import url("c.css");\n.b { background: url("../../img/x.svg"); }',
            "css/b/c.css": ".c { color: blue; }",
            "img/x.svg": "<svg/>",
        }
    )

    css = read(storage, "css/app.css")
    image = storage.stored_name("img/x.svg")
    assert (
        css.split()
        == (
            "@layer a, b; .a { color: red; } @layer b { .c { color: blue; } "
            f'.b {{ background: url("../{image}"); }} }}'
        ).split()
    )


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"css/app.css": '@import "./gone.css";'}, "css/gone.css, which is not there"),
        (
            {"css/app.css": '@import "./a.css";', "css/a.css": '@import "./app.css";'},
            "imports itself",
        ),
    ],
)
def test_a_wrong_import_stops_the_collection(collect, files, words):
    with pytest.raises(ValueError, match=words):
        collect(files)


def test_files_are_compressed_for_the_way_to_the_browser(collect):
    files = {"css/app.css": "", "js/long.js": "let a = 1;\n" * 500}

    near = collect(files)
    names = {path.suffix for path in (near.base_location / "js").iterdir()}
    assert names == {".js", ".gz"}

    far = collect(files, embedded=False)
    names = {path.suffix for path in (far.base_location / "js").iterdir()}
    assert names == {".js", ".gz", ".br"}


def test_nothing_is_collected_again_while_nothing_changed(tmp_path):
    source = tmp_path / "in" / "js"
    source.mkdir(parents=True)
    (source / "one.js").write_text("one()")
    with override_settings(
        STATIC_ROOT=tmp_path / "out",
        STORAGES=STORAGES,
        STATICFILES_DIRS=[tmp_path / "in"],
        STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
    ):
        assert static_storage.collect_if_changed() is True
        assert static_storage.collect_if_changed() is False

        (source / "one.js").write_text("changed()")
        assert static_storage.collect_if_changed() is True
        assert static_storage.collect_if_changed() is False


def test_pages_send_files_that_browsers_keep_for_ever(collect, settings, client):
    from whitenoise.middleware import WhiteNoiseMiddleware

    storage = collect({"css/app.css": "a {}"})
    settings.STATIC_ROOT = storage.base_location
    settings.STORAGES = STORAGES
    middleware = WhiteNoiseMiddleware(lambda request: None)
    name = storage.stored_name("css/app.css")

    assert middleware.immutable_file_test(str(storage.base_location), f"/static/{name}")
    assert not middleware.immutable_file_test(str(storage.base_location), "/static/css/app.css")
