"""Settings of a test run: the real ones, with its own folder, quick passwords and plain static files.

`DATABASE_URL` and `CELERY_BROKER_URL` of the environment are kept, so that the very same suite runs on
SQLite and on PostgreSQL with Redis. Processes that a test starts share the folder by TEST_DATA_DIR.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "TEST_DATA_DIR" not in os.environ:
    os.environ["TEST_DATA_DIR"] = tempfile.mkdtemp(prefix="diptych-tests-")
    atexit.register(shutil.rmtree, os.environ["TEST_DATA_DIR"], ignore_errors=True)
DATA = Path(os.environ["TEST_DATA_DIR"], os.environ.get("PYTEST_XDIST_WORKER", "main"))
DATA.mkdir(exist_ok=True)
(DATA / "static").mkdir(exist_ok=True)  # WhiteNoise warns where there is none.
os.environ.update(
    ENV_FILES="0",
    MODE="embedded",
    SECRET_KEY="only-for-tests-" + "x" * 40,
    DATA_DIR=str(DATA),
    BASE_URL="http://127.0.0.1:8000",
    LOG_FORMAT="text",
    LOG_LEVEL="WARNING",
    TIME_ZONE="UTC",
    DEBUG="0",
)
# Only loopback answers, in plain HTTP; reading all certificates takes each new client of httpx 30 ms.
os.environ.setdefault("SSL_CERT_DIR", str(DATA / "static"))
_KEPT = {
    "ENV_FILES", "MODE", "SECRET_KEY", "DATA_DIR", "BASE_URL", "LOG_FORMAT", "LOG_LEVEL",
    "TIME_ZONE", "DEBUG", "DATABASE_URL", "CELERY_BROKER_URL",
}  # fmt: skip
if os.environ.get("DIPTYCH_LIVE_TESTS") == "1":
    # For the contract tests that call the live hosts; whatever else runs, runs against the sandbox.
    for name in ("SELLERPIC_API_KEY", "FASHN_API_KEY"):
        if name in os.environ:
            os.environ.setdefault(f"LIVE_{name}", os.environ[name])
for line in (Path(__file__).parent.parent / ".env.example").read_text().splitlines():
    name = line.lstrip("# ").partition("=")[0]
    if name.isupper() and name not in _KEPT:
        os.environ.pop(name, None)

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASE_URL, DATABASES  # noqa: E402

ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STAFF_NEED_2FA = False  # Tests of the second step switch it on; all others sign in without.
STORAGES = {  # Manifest storage would need collectstatic before every run.
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if not DATABASE_URL:
    # A file as in real life: threads and processes of a test wait for each other's locks, which
    # SQLite's shared memory does not let them. A power cut during the tests need not be survived.
    _sqlite = DATABASES["default"]
    _sqlite["TEST"] = {"NAME": str(DATA / "test.sqlite3")}
    _sqlite["OPTIONS"]["init_command"] = _sqlite["OPTIONS"]["init_command"].replace(
        "synchronous=FULL", "synchronous=OFF"
    )
