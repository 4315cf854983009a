"""Which kind of installation this is, its secret and its address.

Mistakes that would make an installation unsafe stop it here with one sentence. The files of the
environment are read here, before any other part of the settings asks for a variable.
"""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.env import data_dir, env, read_env_files

read_env_files()

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
#: Former secrets: what they signed and encrypted is still read, nothing new is made with them.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
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
