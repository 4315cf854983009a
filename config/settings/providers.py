"""The providers and their sandbox: keys, addresses, pools, and what their pages leave open."""

from django.core.exceptions import ImproperlyConfigured

from config.env import env
from config.settings.mode import EMBEDDED, PORT

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
