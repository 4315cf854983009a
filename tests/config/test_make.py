"""`make.py` installs once per lock and says in one sentence what it cannot do."""

import importlib.util
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config import data_dir

ROOT = Path(__file__).parents[2]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script as a module that believes to lie in an empty folder with a lock."""
    spec = importlib.util.spec_from_file_location("make_script", ROOT / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT = tmp_path
    module.VENV = tmp_path / ".venv"
    module.VENV_PYTHON = module.VENV / "bin" / "python"
    for name in (module.LOCK, module.DEV_LOCK):
        (tmp_path / name).write_text("package==1 --hash=sha256:0\n")
    monkeypatch.delenv("DATA_DIR", raising=False)
    return module


def pretend_installed(make) -> None:
    make.VENV_PYTHON.parent.mkdir(parents=True)
    make.VENV_PYTHON.symlink_to(sys.executable)
    make.stamp(make.LOCK).write_text(make.fingerprint(make.LOCK))


def test_installs_nothing_while_the_lock_is_the_same(make, monkeypatch):
    pretend_installed(make)
    ran: list[object] = []
    monkeypatch.setattr(make.subprocess, "run", lambda *args, **options: ran.append(args))

    make.install(make.LOCK)

    assert ran == []


def test_a_changed_lock_or_a_moved_folder_is_installed_anew(make):
    pretend_installed(make)
    before = make.fingerprint(make.LOCK)

    (make.ROOT / make.LOCK).write_text("package==2 --hash=sha256:0\n")
    assert make.fingerprint(make.LOCK) != before

    (make.ROOT / make.LOCK).write_text("package==1 --hash=sha256:0\n")
    make.VENV = make.ROOT / "elsewhere" / ".venv"
    assert make.fingerprint(make.LOCK) != before


def test_an_old_python_is_told_what_is_needed(make, monkeypatch):
    monkeypatch.setattr(make, "version_of", lambda python: (3, 9))

    with pytest.raises(make.Refused, match=r"needs Python 3\.11 or newer"):
        make.find_python()


def test_a_newer_python_beside_an_old_one_is_found(make, monkeypatch):
    monkeypatch.setattr(make.shutil, "which", lambda name: f"/usr/bin/{Path(name).name}")
    monkeypatch.setattr(
        make, "version_of", lambda python: (3, 12) if python.endswith("3.12") else (3, 9)
    )

    assert make.find_python() == "/usr/bin/python3.12"


def test_a_missing_venv_module_is_named_with_its_package(make, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)

    with pytest.raises(make.Refused, match="apt install python3-venv"):
        make.make_venv(str(python))

    assert not make.VENV.exists()


def test_a_folder_that_cannot_be_written_is_named(make, tmp_path):
    (tmp_path / "file").write_text("")
    make.ROOT = tmp_path / "file"

    with pytest.raises(make.Refused, match="cannot be written"):
        make.check_room()


def test_a_full_disk_is_named(make, monkeypatch):
    monkeypatch.setattr(make, "LEAST_FREE_MB", 10**12)

    with pytest.raises(make.Refused, match="There is not enough room"):
        make.check_room()


@pytest.fixture
def data(make) -> Path:
    folder: Path = make.ROOT / "var"
    (folder / "files").mkdir(parents=True)
    (folder / "settings.env").write_text("MODE=embedded\n")
    return folder


@pytest.mark.parametrize("answer", ["", "n\n", "no\n", "yess\n", "\n"])
def test_reset_deletes_nothing_without_a_clear_yes(make, data, monkeypatch, answer):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))

    assert make.reset([]) == 0

    assert (data / "settings.env").exists()


def test_reset_deletes_the_data_after_a_yes_and_leaves_the_backups(make, data, monkeypatch, capsys):
    for name in ("backups", "before-restore-1"):
        (data / name).mkdir()
        (data / name / "kept").touch()
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    assert make.reset([]) == 0

    assert sorted(path.name for path in data.iterdir()) == ["backups", "before-restore-1"]
    assert (data / "backups" / "kept").exists()
    assert "backups" in capsys.readouterr().out


def test_reset_refuses_a_running_installation_and_foreign_folders(make, data, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys, time; f = open(sys.argv[1], 'w');"
            "fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)",
            str(data / data_dir.RUNNING_FILE),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(make.Refused, match="stop it first"):
            make.reset([])
    finally:
        holder.kill()
        holder.communicate()
    assert data.exists()

    (data / "settings.env").unlink()
    with pytest.raises(make.Refused, match="no data folder"):
        make.reset([])
    assert data.exists()


def test_the_script_can_be_read_by_an_old_python():
    import ast

    tree = ast.parse((ROOT / "make.py").read_text(), feature_version=(3, 8))

    first = next(node for node in tree.body if isinstance(node, ast.ImportFrom))
    assert first.module == "__future__", "annotations of newer Pythons would be evaluated"
    assert [alias.name for alias in first.names] == ["annotations"]


def test_the_two_locks_agree_and_name_no_registry():
    def packages(name):
        lines = (ROOT / name).read_text().splitlines()
        return {line.split()[0] for line in lines if line[:1].isalnum() and "==" in line}

    assert packages("requirements.lock") <= packages("requirements-dev.lock")
    for name in ("requirements.lock", "requirements-dev.lock", "package-lock.json"):
        text = (ROOT / name).read_text()
        assert "index-url" not in text
        assert '"resolved"' not in text


def test_the_makefile_stays_short_and_lists_its_targets():
    assert len((ROOT / "Makefile").read_text().splitlines()) < 80
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("run", "test", "lint", "bench", "chaos", "backup", "restore", "reset"):
        assert f"make {target}" in listed.stdout
