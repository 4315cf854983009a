"""Background work: the broker of messages, the workers, and how many processes the web server has.

Messages are hints, rows are truth (docs/decisions/): no results are kept, nothing is scheduled or
retried by Celery, and a message is done with once it was read. A dead broker costs a request two
seconds at most and never an error.
"""

from config.env import env
from config.settings.mode import DATA_DIR

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
