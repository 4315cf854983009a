"""Settings of a test run: the real ones, with its own folder, quick passwords and plain static files.

`DATABASE_URL` and `CELERY_BROKER_URL` of the environment are kept, so that the very same suite runs on
SQLite and on PostgreSQL with Redis.
"""

import os
import tempfile
from pathlib import Path

DATA = Path(tempfile.mkdtemp(prefix="diptych-tests-"))
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
for name in ("SELLERPIC_API_KEY", "S3_BUCKET", "EMAIL_HOST", "SIGNUP_OPEN", "CACHE_URL", "PORT"):
    os.environ.pop(name, None)

from config.settings import *  # noqa: E402, F403

ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STORAGES = {  # Manifest storage would need collectstatic before every run.
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
