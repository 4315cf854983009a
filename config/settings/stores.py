"""Where data lies: database, cache, private files, static files; and the limits of files."""

from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from config.env import BASE_DIR, env
from config.settings.mode import DATA_DIR

# --- Database ---------------------------------------------------------------------------------
# SQLite: WAL lets pages read while a worker writes; IMMEDIATE takes the write lock at BEGIN, since
# a deferred transaction that turns into a writer is refused at once instead of waiting; FULL makes
# a committed credit movement survive a power cut. Transactions stay short: ATOMIC_REQUESTS is off.
DATABASE_URL = env.str("DATABASE_URL", "")
if DATABASE_URL and not DATABASE_URL.startswith(("postgres://", "postgresql://")):
    # An SQLite database named here would go without everything that is set for it below.
    raise ImproperlyConfigured(
        "DATABASE_URL must begin with postgresql:// or be empty, which means SQLite in DATA_DIR."
    )
if DATABASE_URL:
    DATABASES = {
        "default": dj_database_url.parse(
            DATABASE_URL,
            conn_max_age=env.int("DATABASE_CONN_MAX_AGE", 60),
            conn_health_checks=True,
        )
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(DATA_DIR / "diptych.sqlite3"),
            # Opening one reads the schema anew; the engine takes a third less of the processor.
            "CONN_MAX_AGE": 60,
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": (
                    "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA cache_size=-32000;"
                    "PRAGMA mmap_size=134217728;PRAGMA temp_store=MEMORY;"
                    "PRAGMA journal_size_limit=67108864;"
                ),
            },
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache (rate limits, shared by all processes) ---------------------------------------------
CACHE_URL = env.str("CACHE_URL", "")
CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE_URL}
        if CACHE_URL
        else {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "django_cache",
            # Beyond this a third of the rows is thrown away, counts of open windows among them.
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    )
}

# --- Files ------------------------------------------------------------------------------------
#: Private pictures: DATA_DIR/files, or an S3-compatible bucket when S3_BUCKET is set.
S3_BUCKET = env.str("S3_BUCKET", "")
S3_REGION = env.str("S3_REGION", "us-east-1")
S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", "")
if S3_BUCKET and not S3_ENDPOINT_URL:
    # Named here, so that the policy below and the signed addresses speak of the same hosts: left to
    # itself boto signs for s3.amazonaws.com or the region's host, depending on what it signs.
    _china = ".cn" if S3_REGION.startswith("cn-") else ""
    S3_ENDPOINT_URL = f"https://s3.{S3_REGION}.amazonaws.com{_china}"
#: Address of the same server as browsers reach it, where it differs from S3_ENDPOINT_URL.
S3_PUBLIC_ENDPOINT_URL = env.str("S3_PUBLIC_ENDPOINT_URL", "") or S3_ENDPOINT_URL
S3_ACCESS_KEY_ID = env.str("S3_ACCESS_KEY_ID", "")
S3_SECRET_ACCESS_KEY = env.str("S3_SECRET_ACCESS_KEY", "")
S3_ADDRESSING_STYLE = env.str("S3_ADDRESSING_STYLE", "auto")
FILES_DIR = DATA_DIR / "files"
#: Seconds for which a link to a private picture works.
FILE_LINK_SECONDS = env.int("FILE_LINK_SECONDS", 60 * 60 * 12)
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", 50 * 1024 * 1024)
UPLOAD_MAX_PIXELS = env.int("UPLOAD_MAX_PIXELS", 60_000_000)
#: Limits of one image-decoding child process: address space in bytes, wall-clock seconds.
IMAGE_MEMORY_BYTES = env.int("IMAGE_MEMORY_BYTES", 1536 * 1024 * 1024)
IMAGE_SECONDS = env.int("IMAGE_SECONDS", 60)
#: Bytes of originals and results a team may keep; 0 means no limit.
TEAM_STORAGE_BYTES = env.int("TEAM_STORAGE_BYTES", 20 * 1024**3)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

STATIC_URL = "/static/"
#: Where collectstatic puts the files that the web server sends; an image has them built in.
STATIC_ROOT = Path(env.str("STATIC_ROOT", "") or DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_storage.StaticStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
