"""The only settings. The environment is read here and nowhere else; `.env.example` lists every name.

Mistakes that would make an installation unsafe stop it here with one sentence.
"""

from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from config.env import BASE_DIR, data_dir, env, read_env_files

read_env_files()

# --- Mode -------------------------------------------------------------------------------------
#: "embedded": one machine, everything in DATA_DIR, started by `manage.py serve` on loopback.
#: "production": anything else. Nothing insecure is defaulted there.
MODE = env.str("MODE", "production")
if MODE not in {"embedded", "production"}:
    raise ImproperlyConfigured(f"MODE must be embedded or production, not {MODE!r}.")
EMBEDDED = MODE == "embedded"

DATA_DIR = data_dir()
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Set it to a long random text (for example the output of "
        "`openssl rand -base64 48`), or start the one-machine installation with `make run`."
    )
if not EMBEDDED and len(SECRET_KEY) < 32:
    raise ImproperlyConfigured("SECRET_KEY is too short. Use at least 32 random characters.")
if not EMBEDDED and DEBUG:
    raise ImproperlyConfigured("DEBUG is on. Switch it off: it shows settings to visitors.")

#: Port of the web server. The embedded mode listens on 127.0.0.1 alone.
PORT = env.int("PORT", 8000)
if not 0 < PORT < 65535:
    raise ImproperlyConfigured(f"PORT must lie between 1 and 65534, and is {PORT}.")

#: Address of this installation as people type it, e.g. https://diptych.example.com
BASE_URL = env.str("BASE_URL", f"http://127.0.0.1:{PORT}" if EMBEDDED else "").rstrip("/")
if not EMBEDDED and not BASE_URL.startswith("https://") and not env.bool("ALLOW_HTTP", False):
    raise ImproperlyConfigured(
        "BASE_URL is not set to an https:// address. Set it to the address people type, "
        "or set ALLOW_HTTP=1 if this installation is reached over a private network only."
    )
HTTPS = BASE_URL.startswith("https://")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", []) or [urlsplit(BASE_URL).hostname or "localhost"]
if EMBEDDED:
    ALLOWED_HOSTS += ["127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [BASE_URL] if HTTPS else []

# --- Applications -----------------------------------------------------------------------------
INSTALLED_APPS = [
    "teams",
    "catalog",
    "generation",
    "config.apps.ProjectConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
]

MIDDLEWARE = [
    "config.middleware.RequestContextMiddleware",
    "config.middleware.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "teams.middleware.TimeZoneMiddleware",
    "config.middleware.HtmxLoginRedirectMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context_processors.shell",
            ],
        },
    }
]

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

# --- People -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "teams.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"
#: Off: people join by invitation. On: anybody may open an account and a team.
SIGNUP_OPEN = env.bool("SIGNUP_OPEN", False)
ACCOUNT_ADAPTER = "teams.adapter.AccountAdapter"
ACCOUNT_FORMS = {"signup": "teams.forms.SignupForm"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
#: How many proxies in front add themselves to X-Forwarded-For; their addresses are believed. HTTPS
#: always means one at least, since the web server speaks plain HTTP.
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", int(HTTPS))
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
ALLAUTH_USER_CODE_FORMAT = {"numeric": True, "dashed": False, "length": 6}

# --- Sessions, cookies, transport security ----------------------------------------------------
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True  # Scripts read the token from the page.
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
CSRF_FAILURE_VIEW = "config.views.csrf_failure"
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 60 * 60 * 24 * 30) if HTTPS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

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

# --- Content security policy ------------------------------------------------------------------
_media = [SELF, "data:", "blob:"]
if S3_BUCKET:
    _parts = urlsplit(S3_PUBLIC_ENDPOINT_URL)
    _media.append(f"{_parts.scheme}://{_parts.netloc}")
    if S3_ADDRESSING_STYLE != "path":
        _media.append(f"{_parts.scheme}://{S3_BUCKET}.{_parts.netloc}")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": _media,
        "media-src": _media,
        "connect-src": [SELF, *(origin for origin in _media if origin.startswith("http"))],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

# --- Background work --------------------------------------------------------------------------
# Messages are hints, rows are truth (docs/decisions/): no results are kept, nothing is scheduled or
# retried by Celery, and a message is done with once it was read. A dead broker costs a request two
# seconds at most and never an error.
#: Empty: messages are files in DATA_DIR/broker (one machine).
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "")
BROKER_DIR = DATA_DIR / "broker"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object]
if CELERY_BROKER_URL:
    # A hint to a dead broker fails within a moment: somebody waits for the page that sends it.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
        "max_retries": 1,
        "interval_start": 0,
        "interval_max": 0.1,
    }
else:
    CELERY_BROKER_URL = "files://localhost/"
    CELERY_BROKER_TRANSPORT_OPTIONS = {"folder": str(BROKER_DIR), "polling_interval": 0.1}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_QUEUES: dict[str, dict[str, object]] = {"default": {}, "media": {}}
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_ROUTES = {"catalog.tasks.*": {"queue": "media"}}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_EAGER_RESULT = False
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_PUBLISH_RETRY = False
# Only for media workers in processes of their own (--pool prefork): threads cannot be cut off, and
# there each picture has its own limit, IMAGE_SECONDS. Far above what a task's pictures may take.
CELERY_TASK_SOFT_TIME_LIMIT = 300
CELERY_TASK_TIME_LIMIT = 330
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
#: Tasks that one worker runs at once.
WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", 4)
#: Processes of the web server, and threads in each.
WEB_WORKERS = env.int("WEB_WORKERS", 2)
WEB_THREADS = env.int("WEB_THREADS", 4)
#: Address the web server binds outside the embedded mode.
WEB_BIND = env.str("WEB_BIND", "0.0.0.0")  # noqa: S104 (a container is reached from outside)

# --- Providers --------------------------------------------------------------------------------
#: The sandbox speaks the providers' wire on loopback. It stands in wherever no key is set in the
#: embedded mode; in production it must be asked for.
SELLERPIC_API_KEY = env.str("SELLERPIC_API_KEY", "")
FASHN_API_KEY = env.str("FASHN_API_KEY", "")
SANDBOX = env.bool("SANDBOX", EMBEDDED and not (SELLERPIC_API_KEY or FASHN_API_KEY))
#: Secrets that encrypt the provider keys which operators write in the browser; the first encrypts,
#: all decrypt. Empty: keys come from the environment alone.
PROVIDER_KEY_SECRETS: list[str] = env.list("PROVIDER_KEY_SECRETS", [])
#: Offer operations whose contract no page of the vendor confirms. The sandbox knows them all.
UNCONFIRMED_OPERATIONS = env.bool("UNCONFIRMED_OPERATIONS", SANDBOX)
#: Public https address of this installation that providers call when a task has ended. Empty:
#: results are found by asking alone.
WEBHOOK_BASE_URL = env.str("WEBHOOK_BASE_URL", "").rstrip("/")
SANDBOX_PORT = env.int("SANDBOX_PORT", 0) or PORT + 1
SANDBOX_URL = env.str("SANDBOX_URL", "").rstrip("/") or f"http://127.0.0.1:{SANDBOX_PORT}"
#: 2 makes the sandbox twice as fast.
SANDBOX_SPEED = env.float("SANDBOX_SPEED", 1.0)
SELLERPIC_BASE_URL = env.str("SELLERPIC_BASE_URL", "https://api.sellerpic.ai").rstrip("/")
#: Hosts that result and preset pictures may be fetched from; a leading dot takes subdomains.
#: ASSUMED: SellerPic does not document its file hosts.
SELLERPIC_FILE_HOSTS = env.list("SELLERPIC_FILE_HOSTS", [".sellerpic.ai"])
#: Tasks in flight at once per account [vendor page: 10]; ASSUMED to be one pool for all tasks that
#: have none of their own.
SELLERPIC_SLOTS = env.int("SELLERPIC_SLOTS", 10)
#: The same for Image To Video [10], Instruct Edit [5] and each of the segmentations [5].
SELLERPIC_VIDEO_SLOTS = env.int("SELLERPIC_VIDEO_SLOTS", 10)
SELLERPIC_EDIT_SLOTS = env.int("SELLERPIC_EDIT_SLOTS", 5)
SELLERPIC_SEGMENT_SLOTS = env.int("SELLERPIC_SEGMENT_SLOTS", 5)
#: How pictures are uploaded: one multipart call (documentation 1.0.1), or a link and a PUT (1.0.0).
SELLERPIC_UPLOAD_VERSION = env.str("SELLERPIC_UPLOAD_VERSION", "1.0.1")
if SELLERPIC_UPLOAD_VERSION not in {"1.0.0", "1.0.1"}:
    raise ImproperlyConfigured(
        f"SELLERPIC_UPLOAD_VERSION must be 1.0.0 or 1.0.1, not {SELLERPIC_UPLOAD_VERSION!r}."
    )
#: Seconds between two status checks of one task [vendor page: 60]. The sandbox has no such floor.
SELLERPIC_MIN_POLL_SECONDS = env.float("SELLERPIC_MIN_POLL_SECONDS", 1.0 if SANDBOX else 60.0)
#: Calls to SellerPic a second on average, uploads and submits ahead of all others; 0: no limit of
#: ours. ASSUMED: SellerPic documents no rate. The sandbox has none.
SELLERPIC_REQUESTS_PER_SECOND = env.float("SELLERPIC_REQUESTS_PER_SECOND", 5.0)
#: What SellerPic's error codes mean, such as 12345=busy. Its documentation lists one code alone.
SELLERPIC_CODES: list[str] = env.list("SELLERPIC_CODES", [])
FASHN_BASE_URL = env.str("FASHN_BASE_URL", "https://api.fashn.ai").rstrip("/")
#: Hosts that FASHN's results may be fetched from [vendor page].
FASHN_FILE_HOSTS = env.list("FASHN_FILE_HOSTS", ["cdn.fashn.ai"])
#: Predictions at once per account [vendor page: 6, raised by their support].
FASHN_SLOTS = env.int("FASHN_SLOTS", 6)
#: Seconds between two status checks of one prediction; 50 checks in 10 s are allowed [vendor page].
FASHN_MIN_POLL_SECONDS = env.float("FASHN_MIN_POLL_SECONDS", 1.0 if SANDBOX else 3.0)
#: What to do with a job whose submit got no answer: ask a person, retry once, or release the hold.
UNKNOWN_OUTCOME_POLICY = env.str("UNKNOWN_OUTCOME_POLICY", "ask")
if UNKNOWN_OUTCOME_POLICY not in {"ask", "retry", "release"}:
    raise ImproperlyConfigured(
        f"UNKNOWN_OUTCOME_POLICY must be ask, retry or release, not {UNKNOWN_OUTCOME_POLICY!r}."
    )
#: Jobs a team may have unfinished at once.
TEAM_JOBS_UNFINISHED = env.int("TEAM_JOBS_UNFINISHED", 500)

# --- E-mail: written to an outbox row, sent by the worker -------------------------------------
EMAIL_BACKEND = "teams.outbox.OutboxBackend"
EMAIL_HOST = env.str("EMAIL_HOST", "")
EMAIL_PORT = env.int("EMAIL_PORT", 587)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Diptych <diptych@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
#: Without EMAIL_HOST mails become files here and their links are printed.
EMAIL_FILE_PATH = DATA_DIR / "mail"

# --- Language and time ------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = env.str("TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = True

# --- Logging ----------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
#: "json" for machines, "text" for people at a terminal.
LOG_FORMAT = env.str("LOG_FORMAT", "json")
if LOG_FORMAT not in {"json", "text"}:
    raise ImproperlyConfigured(f"LOG_FORMAT must be json or text, not {LOG_FORMAT!r}.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "config.logs.ContextFilter"}},
    "formatters": {
        "json": {"()": "config.logs.JsonFormatter"},
        "text": {
            "()": "config.logs.TextFormatter",
            "format": "{asctime} {levelname:7} {name}: {message}",
            "style": "{",
        },
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["context"],
        },
        # For links that sign somebody in; see teams/outbox.py.
        "terminal": {"class": "config.logs.TerminalHandler"},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "terminal": {"handlers": ["terminal"], "level": "INFO", "propagate": False},
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},  # Scanners; nothing to act on.
        "httpx": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}

MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
#: Whether other names below this domain are served over HTTPS too is not ours to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
