"""Executes the Dockerfile's steps without Docker, in a clean folder and as an ordinary user.

Every RUN is executed with its stage's ENV and WORKDIR, COPY copies what .dockerignore lets through,
and at the end CMD is started and HEALTHCHECK asked until it agrees, before CMD is stopped by SIGTERM.
Absolute folders that the file names (/app, /opt/venv, /data) are moved below the clean folder. Steps
that make users or install Debian packages need root in a container: their programs and packages are
looked up, and they are not executed.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: First words of commands that only root may run.
ROOT_COMMANDS = {"groupadd", "useradd", "apt-get", "install", "chown"}
#: Set where CMD runs, as compose.yaml sets them.
RUN_ENVIRONMENT = {
    "SECRET_KEY": "only-to-check-the-dockerfile-" + "0" * 32,
    "BASE_URL": "http://localhost:8000",
    "ALLOW_HTTP": "1",
}
PASSED_ON = ("PIP_", "SSL_", "REQUESTS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class Wrong(Exception):
    """What is wrong with the Dockerfile, in one sentence."""


@dataclass
class Stage:
    """One FROM with its folder on this machine and what its steps see."""

    name: str
    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"


def main() -> int:
    """Check the file named on the command line; exit 1 with a sentence on a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, default=ROOT / "Dockerfile")
    options = parser.parse_args()
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="diptych-image-"))
    try:
        Checker(options.path, folder).run()
    except Wrong as fault:
        print(f"Dockerfile: {fault}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"The Dockerfile's steps work ({time.monotonic() - started:.0f} s).")
    return 0


def instructions(text: str) -> list[tuple[str, str]]:
    """The file's instructions in order, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = []
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            found.append((word.upper(), rest.strip()))
    return found


class Checker:
    """Walks through the instructions and keeps the stages."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = folder
        self.stages: list[Stage] = []
        self.command: list[str] = []
        self.health: str = ""
        self.user = ordinary_user()
        self.python = usable_python(self.user)
        folder.chmod(0o755)

    @property
    def stage(self) -> Stage:
        if not self.stages:
            raise Wrong("it does not begin with FROM.")
        return self.stages[-1]

    def run(self) -> None:
        """Execute everything."""
        for word, rest in instructions(self.path.read_text(encoding="utf-8")):
            method = getattr(self, f"on_{word.lower()}", None)
            if method is None:
                raise Wrong(f"{word} is not understood by this check.")
            print(f"{word} {rest[:100]}", flush=True)
            method(rest)
        if self.stage.user in ("root", "0", ""):
            raise Wrong("the image runs as root; end it with USER.")
        if not self.command or not self.health:
            raise Wrong("CMD or HEALTHCHECK is missing.")
        self.run_image()

    # Instructions ---------------------------------------------------------------------------

    def on_from(self, rest: str) -> None:
        match = re.fullmatch(r"(\S+)(?:\s+AS\s+(\S+))?", rest, flags=re.IGNORECASE)
        if match is None or not re.fullmatch(r"python:3\.\d+-slim-bookworm", match[1]):
            raise Wrong(f"FROM {rest} is not a Debian 12 image of Python.")
        version = subprocess.run(
            [self.python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        if f":{version}-" not in match[1]:
            print(f"  (executed with Python {version} of this machine)")
        root = self.folder / (match[2] or "image")
        (root / "tmp").mkdir(parents=True)
        (root / "usr/local/bin").mkdir(parents=True)
        for name in ("python", "python3"):
            (root / "usr/local/bin" / name).symlink_to(self.python)
        self.stages.append(
            Stage(match[2] or "image", root, {"PATH": "/usr/local/bin:/usr/bin:/bin"})
        )
        self.own(root)

    def on_env(self, rest: str) -> None:
        for pair in shlex.split(rest):
            name, equals, value = pair.partition("=")
            if not equals:
                raise Wrong(f"ENV {rest} is not written as NAME=value.")
            for known, text in self.stage.environment.items():
                value = value.replace(f"${known}", text)
            self.stage.environment[name] = value

    def on_workdir(self, rest: str) -> None:
        self.stage.workdir = rest
        self.place(rest).mkdir(parents=True, exist_ok=True)
        self.own(self.place(rest))

    def on_user(self, rest: str) -> None:
        self.stage.user = rest

    def on_volume(self, rest: str) -> None:
        self.place(rest).mkdir(parents=True, exist_ok=True)
        self.own(self.place(rest))

    def on_expose(self, rest: str) -> None:
        if rest != self.stage.environment.get("PORT"):
            raise Wrong(f"EXPOSE {rest} is not the PORT of ENV.")

    def on_copy(self, rest: str) -> None:
        words = shlex.split(rest)
        origin = next((word.partition("=")[2] for word in words if word.startswith("--from=")), "")
        *sources, target = [word for word in words if not word.startswith("--")]
        to = self.place(str(Path(self.stage.workdir) / target))
        if origin:
            stage = next((stage for stage in self.stages if stage.name == origin), None)
            if stage is None:
                raise Wrong(f"COPY takes from {origin}, which is no stage.")
            for source in sources:
                shutil.copytree(
                    stage.root / source.lstrip("/"), to, symlinks=True, dirs_exist_ok=True
                )
            self.move_venv(stage)
        else:
            for source in sources:
                self.copy_context(source, to)
        self.own(to)

    def on_run(self, rest: str) -> None:
        shell_check = subprocess.run(["sh", "-n", "-c", rest], capture_output=True, text=True)
        if shell_check.returncode != 0:
            raise Wrong(f"RUN {rest} is no shell command: {shell_check.stderr.strip()}")
        parts = [shlex.split(part) for part in re.split(r"&&|;|\|\|", rest)]
        if any(part and part[0] in ROOT_COMMANDS for part in parts):
            self.look_up(parts)
            return
        self.execute(rest, timeout=900)

    def on_healthcheck(self, rest: str) -> None:
        options, found, command = rest.partition("CMD ")
        if not found or "--interval=" not in options or "--timeout=" not in options:
            raise Wrong("HEALTHCHECK needs --interval, --timeout and CMD.")
        self.health = command

    def on_cmd(self, rest: str) -> None:
        try:
            self.command = json.loads(rest)
        except ValueError:
            raise Wrong("CMD must be a JSON list, so that signals reach the program.") from None

    # What they need -------------------------------------------------------------------------

    def place(self, path: str) -> Path:
        """Where an absolute path of the image lies on this machine."""
        return self.stage.root / path.lstrip("/")

    def own(self, path: Path) -> None:
        """Hand a tree to the ordinary user, as which the steps are executed."""
        if os.getuid() == 0:
            for entry in [path, *path.rglob("*")]:
                os.chown(entry, self.user.pw_uid, self.user.pw_gid, follow_symlinks=False)

    def copy_context(self, source: str, to: Path) -> None:
        """COPY from the checkout: what git knows and .dockerignore does not name."""
        ignored = [
            line.strip()
            for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
            if line.strip() and not line.startswith("#")
        ]
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        chosen = [name for name in listed if source in (".", name) or name.startswith(f"{source}/")]
        chosen = [
            name for name in chosen if (ROOT / name).is_file() and not is_ignored(name, ignored)
        ]
        if not chosen:
            raise Wrong(f"COPY {source} finds nothing.")
        for name in chosen:
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)

    def move_venv(self, origin: Stage) -> None:
        """Scripts of an environment carry its path; here it differs between the stages."""
        for script in self.stage.root.glob("opt/venv/bin/*"):
            if script.is_file() and not script.is_symlink():
                content = script.read_bytes()
                script.write_bytes(
                    content.replace(str(origin.root).encode(), str(self.stage.root).encode())
                )

    def look_up(self, commands: list[list[str]]) -> None:
        """For steps that need root: do their programs and Debian packages exist?"""
        print("  (needs root in the image: looked up, not executed)")
        for words in commands:
            if words and shutil.which(words[0], path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
                raise Wrong(f"{words[0]} is no program of Debian 12.")
            if words[:1] == ["apt-get"] and "install" in words:
                for package in words[words.index("install") + 1 :]:
                    if package.startswith("-"):
                        continue
                    if subprocess.run(
                        ["apt-cache", "show", package], capture_output=True
                    ).returncode:
                        raise Wrong(f"{package} is no package of Debian 12.")

    def environment(self) -> dict[str, str]:
        """Only what the image sets, and how this machine reaches the package index."""
        passed_on = {
            name: value for name, value in os.environ.items() if name.upper().startswith(PASSED_ON)
        }
        return (
            passed_on
            | {name: self.moved(value) for name, value in self.stage.environment.items()}
            | {"HOME": str(self.stage.root / "tmp"), "TMPDIR": str(self.stage.root / "tmp")}
        )

    def moved(self, text: str) -> str:
        """The text with the image's own absolute folders where they lie on this machine."""
        return re.sub(
            r"(?<![\w./-])/(app|data|opt/venv|usr/local/bin)(?=[/:\s'\"]|$)",
            lambda match: str(self.stage.root / match[1]),
            text,
        )

    def as_user(self, command: list[str]) -> list[str]:
        """The command with the rights of the ordinary user."""
        if os.getuid() != 0:
            return command
        uid, gid = str(self.user.pw_uid), str(self.user.pw_gid)
        return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *command]

    def execute(self, line: str, *, timeout: int) -> None:
        """Run a shell line in the stage, or tell which one failed."""
        result = subprocess.run(
            self.as_user(["sh", "-ec", self.moved(line)]),
            cwd=self.place(self.stage.workdir),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            timeout=timeout,
        )
        if result.returncode != 0:
            raise Wrong(f"`{line}` ended with exit code {result.returncode}.")

    def run_image(self) -> None:
        """Start CMD, ask HEALTHCHECK, stop it as a container is stopped."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        self.stage.environment |= RUN_ENVIRONMENT | {"PORT": port}
        self.execute("python manage.py migrate --noinput --verbosity 0", timeout=300)
        process = subprocess.Popen(
            self.as_user([self.moved(word) for word in self.command]),
            cwd=self.place(self.stage.workdir),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + 60
            while True:
                if process.poll() is not None:
                    raise Wrong(f"CMD ended by itself with exit code {process.returncode}.")
                try:
                    self.execute(f"{self.health} 2>/dev/null", timeout=10)
                    break
                except Wrong:
                    if time.monotonic() > until:
                        raise Wrong("HEALTHCHECK did not agree within 60 s.") from None
                    time.sleep(0.5)
            print(f"HEALTHCHECK agrees on port {port}.")
            process.send_signal(signal.SIGTERM)
            if process.wait(30) != 0:
                raise Wrong(f"CMD ended with exit code {process.returncode} after SIGTERM.")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def is_ignored(name: str, patterns: list[str]) -> bool:
    """Whether .dockerignore keeps the file out: a pattern names it or a folder above it."""
    parts = name.split("/")
    heads = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    for pattern in patterns:
        anywhere = pattern.startswith("**/")
        candidates = parts if anywhere else heads
        if any(fnmatch.fnmatch(head, pattern.removeprefix("**/")) for head in candidates):
            return True
    return False


def ordinary_user() -> pwd.struct_passwd:
    """The user that executes the steps: this one, or nobody when this one is root."""
    return pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam("nobody")


def usable_python(user: pwd.struct_passwd) -> str:
    """A Python 3.11 or newer with venv that the ordinary user may run."""
    prefix = (
        ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        if os.getuid() == 0
        else []
    )
    check = "import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))"
    candidates = ["/usr/local/bin/python3.11", "/usr/bin/python3.11", "/usr/bin/python3"]
    for python in [*candidates, os.path.realpath(sys.executable)]:
        if Path(python).exists():
            tried = subprocess.run([*prefix, python, "-c", check], capture_output=True, cwd="/")
            if tried.returncode == 0:
                return python
    raise Wrong("no Python 3.11 with venv that an ordinary user may run was found.")


if __name__ == "__main__":
    sys.exit(main())
