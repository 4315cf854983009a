"""A backup holds the installation as it was, and puts it back; nothing is lost when one is bad."""

import io
import os
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config import backups


@pytest.fixture
def data_dir(tmp_path):
    """A data folder with a database in WAL mode, two pictures and the settings of the first start."""
    folder = tmp_path / "var"
    (folder / "files" / "t").mkdir(parents=True)
    (folder / "files" / "t" / "a.jpg").write_bytes(b"first picture")
    (folder / "files" / "t" / ".b.jpg.part").write_bytes(b"unfinished")
    (folder / "settings.env").write_text("MODE=embedded\n")
    (folder / "demo-password").write_text("word\n")
    database = sqlite3.connect(folder / backups.DATABASE)
    database.executescript(
        "PRAGMA journal_mode=WAL;"
        "CREATE TABLE django_migrations (id INTEGER); CREATE TABLE product (name TEXT);"
        "INSERT INTO product VALUES ('linen dress');"
    )
    yield folder
    database.close()


def products(folder) -> list[str]:
    database = sqlite3.connect(folder / backups.DATABASE)
    try:
        return [name for (name,) in database.execute("SELECT name FROM product ORDER BY name")]
    finally:
        database.close()


def change(folder, statement) -> None:
    database = sqlite3.connect(folder / backups.DATABASE)
    with database:
        database.execute(statement)
    database.close()


def test_restoring_brings_back_rows_pictures_and_settings(data_dir, tmp_path):
    archive = backups.backup(data_dir, tmp_path / "backups" / "one.tar.gz")
    change(data_dir, "UPDATE product SET name = 'ruined'")
    (data_dir / "files" / "t" / "a.jpg").write_bytes(b"ruined")
    (data_dir / "broker").mkdir()
    (data_dir / "broker" / "hint.msg").write_text("{}")

    aside = backups.restore(data_dir, archive)

    assert products(data_dir) == ["linen dress"]
    assert (data_dir / "files" / "t" / "a.jpg").read_bytes() == b"first picture"
    assert (data_dir / "settings.env").read_text() == "MODE=embedded\n"
    assert (data_dir / "demo-password").read_text() == "word\n"
    assert not (data_dir / "broker").exists()
    assert aside is not None
    assert products(aside) == ["ruined"]
    assert (aside / "files" / "t" / "a.jpg").read_bytes() == b"ruined"
    assert sorted(path.name for path in data_dir.glob(".restore-*")) == []


def test_restores_onto_an_empty_machine(data_dir, tmp_path):
    archive = backups.backup(data_dir, tmp_path / "one.tar.gz")

    assert backups.restore(tmp_path / "elsewhere", archive) is None

    assert products(tmp_path / "elsewhere") == ["linen dress"]


def test_holds_what_is_still_in_the_write_ahead_log_and_no_unfinished_file(data_dir, tmp_path):
    change(data_dir, "INSERT INTO product VALUES ('wool coat')")

    archive = backups.backup(data_dir, tmp_path / "one.tar.gz")

    with tarfile.open(archive) as content:
        names = sorted(entry.name for entry in content if entry.isfile())
    assert names == [
        "demo-password",
        "diptych.sqlite3",
        "files/t/a.jpg",
        "manifest.json",
        "settings.env",
    ]
    backups.restore(tmp_path / "elsewhere", archive)
    assert products(tmp_path / "elsewhere") == ["linen dress", "wool coat"]


def test_only_its_owner_may_read_it(data_dir, tmp_path):
    archive = backups.backup(data_dir, tmp_path / "one.tar.gz")

    assert archive.stat().st_mode & 0o777 == 0o600


def test_never_overwrites_another_backup(data_dir, tmp_path):
    (tmp_path / "one.tar.gz").write_text("precious")

    with pytest.raises(backups.BackupError, match="exists already"):
        backups.backup(data_dir, tmp_path / "one.tar.gz")

    assert (tmp_path / "one.tar.gz").read_text() == "precious"


def archive_of(path, files, link=None):
    """A tar file made by hand."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        if link:
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(entry)
    return path


MANIFEST = {"manifest.json": b'{"format": 1}'}


@pytest.mark.parametrize(
    ("files", "link", "words"),
    [
        ({}, None, "no backup"),
        ({"manifest.json": b'{"format": 99}'}, None, "no backup that this version"),
        (MANIFEST, None, "holds no database"),
        (MANIFEST | {"diptych.sqlite3": b"not a database" * 100}, None, "cannot be read"),
        (MANIFEST | {"../outside": b"x"}, None, "which no backup holds"),
        (MANIFEST | {"files/../../outside": b"x"}, None, "which no backup holds"),
        (MANIFEST | {"/etc/outside": b"x"}, None, "which no backup holds"),
        (MANIFEST, "files/link", "which no backup holds"),
    ],
)
def test_a_bad_archive_changes_nothing(data_dir, tmp_path, files, link, words):
    archive = archive_of(tmp_path / "bad.tar.gz", files, link)

    with pytest.raises(backups.BackupError, match=words):
        backups.restore(data_dir, archive)

    assert products(data_dir) == ["linen dress"]
    assert (data_dir / "files" / "t" / "a.jpg").read_bytes() == b"first picture"
    assert list(tmp_path.rglob("outside")) == []
    assert list(data_dir.glob("before-restore-*")) == []


def test_a_cut_archive_changes_nothing(data_dir, tmp_path):
    whole = backups.backup(data_dir, tmp_path / "one.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(backups.BackupError):
        backups.restore(data_dir, tmp_path / "cut.tar.gz")

    assert products(data_dir) == ["linen dress"]


def test_keeps_the_last_five_copies_made_before_migrating(data_dir):
    kept = [backups.backup_before_migrating(data_dir) for _ in range(7)]

    assert sorted((data_dir / "backups").iterdir()) == kept[2:]
    with tarfile.open(kept[-1]) as content:
        assert not [entry.name for entry in content if entry.name.startswith("files")]


@pytest.mark.parametrize(("command", "arguments"), [("backup", []), ("restore", ["some.tar.gz"])])
def test_postgresql_is_left_to_its_own_tools(settings, command, arguments):
    settings.DATABASE_URL = "postgresql://localhost/diptych"

    with pytest.raises(CommandError, match="pg_dump"):
        call_command(command, *arguments)


def manage(data_dir, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_commands_restore_on_a_machine_that_has_nothing_yet(tmp_path):
    secret = {"ENV_FILES": "0", "MODE": "embedded", "SECRET_KEY": "k" * 40}
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "settings.env").write_text("MODE=embedded\nSECRET_KEY=of-the-archive\n")
    for command in (["migrate", "--verbosity", "0"], ["backup", str(tmp_path / "one.tar.gz")]):
        assert manage(tmp_path / "var", *command, **secret).returncode == 0

    restored = manage(tmp_path / "new", "restore", str(tmp_path / "one.tar.gz"))

    told = restored.stdout.splitlines()
    assert (restored.returncode, told[0]) == (0, f"Restored {tmp_path}/one.tar.gz.")
    assert told[-1] == "0 waiting jobs were cancelled at no charge."
    assert "of-the-archive" in (tmp_path / "new" / "settings.env").read_text()


def test_what_is_no_archive_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "note.txt").write_text("no archive")

    refused = manage(tmp_path / "new", "restore", str(tmp_path / "note.txt"))

    assert refused.returncode == 1
    assert refused.stderr == (
        f"CommandError: {tmp_path}/note.txt cannot be read as a backup. Nothing was changed.\n"
    )
