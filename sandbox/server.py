"""A small threading HTTP/1.1 server for the sandbox: keep-alive, dropped connections, clean stop."""

from __future__ import annotations

import io
import logging
import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from types import FrameType
from typing import Any
from urllib.parse import unquote
from wsgiref.types import WSGIApplication, WSGIEnvironment

from sandbox.app import Sandbox, create_app
from sandbox.faults import PlannedFault
from sandbox.wire import MAX_BODY_BYTES, DropConnection

logger = logging.getLogger("sandbox")

_IDLE_SECONDS = 60
_STOP_SECONDS = 10
_DRAIN_BYTES = 200 * 1024 * 1024
# A file address is itself a permission, so logs carry only its beginning.
_FILE_ADDRESS = re.compile(r"^(/files/(?:results|uploads)/.{6}).*")


class Server(ThreadingHTTPServer):
    """Serves one WSGI app; `stop()` lets requests in hand finish and cuts idle connections."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], app: WSGIApplication) -> None:
        self.app = app
        self.stopping = False
        self._idle: set[socket.socket] = set()
        self._busy = 0
        self._serving = False
        self._change = threading.Condition()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # HTTPServer's own method asks the resolver for this machine's name: maybe for seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        self._serving = True
        super().serve_forever(poll_interval)

    @property
    def url(self) -> str:
        host = f"[{self.server_name}]" if ":" in self.server_name else self.server_name
        return f"http://{host}:{self.server_port}"

    def mark_idle(self, connection: socket.socket) -> None:
        with self._change:
            self._idle.add(connection)
            if self.stopping:
                _shut(connection)

    def mark_busy(self, connection: socket.socket) -> None:
        with self._change:
            self._idle.discard(connection)
            self._busy += 1

    def mark_done(self, connection: socket.socket) -> None:
        with self._change:
            self._busy -= 1
            self._change.notify_all()

    def forget(self, connection: socket.socket) -> None:
        with self._change:
            self._idle.discard(connection)

    def stop(self) -> None:
        """End `serve_forever`, wait up to ten seconds for requests in hand, close everything."""
        if self._serving:
            self.shutdown()
        with self._change:
            self.stopping = True
            for connection in self._idle:
                _shut(connection)
            self._change.wait_for(lambda: self._busy == 0, _STOP_SECONDS)
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection: requests in turn, each given to the WSGI app."""

    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        finally:
            self.server.forget(self.connection)

    def handle_one_request(self) -> None:
        self.server.mark_idle(self.connection)
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
            return
        self.server.mark_busy(self.connection)
        try:
            if len(self.raw_requestline) <= 65536 and self.parse_request():
                self._serve()
            self.wfile.flush()
        finally:
            self.server.mark_done(self.connection)

    def _serve(self) -> None:
        started = time.monotonic()
        body = self._body()
        if body is None:
            self.send_error(411, "Length Required")
            self.close_connection = True
            return
        status: list[str] = []

        def start_response(line: str, headers: list[tuple[str, str]], _exc: object = None) -> Any:
            status.append(line)
            self.send_response(int(line.split(" ", 1)[0]))
            for name, value in headers:
                self.send_header(name, value)
            if self.server.stopping:
                self.close_connection = True
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            return self.wfile.write

        try:
            chunks: Iterable[bytes] = self.server.app(self._environ(*body), start_response)
            for chunk in chunks:
                if self.command != "HEAD":
                    self.wfile.write(chunk)
                    # An app that answers bit by bit wants each bit to arrive.
                    self.wfile.flush()
        except DropConnection:
            status.append("dropped")
            self._drop()
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            logger.exception("%s failed.", self._shown_path())
            if not status:
                self.send_error(500)
            self.close_connection = True
            status.append("500")
        took = (time.monotonic() - started) * 1000
        outcome = status[-1].split(" ", 1)[0]
        logger.info("%s %s %s %.0f ms", self.command, self._shown_path(), outcome, took)

    def _body(self) -> tuple[bytes, int] | None:
        """The request's body and its declared length; None if the length makes no sense.

        A body over the limit is read and thrown away, so that the refusal can be answered.
        """
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = self._chunked_body()
            return (body, len(body)) if body is not None else None
        text = self.headers.get("Content-Length", "0")
        if not text.isdecimal():
            return None
        length = int(text)
        if length <= MAX_BODY_BYTES:
            return self.rfile.read(length), length
        self.close_connection = True
        left = min(length, _DRAIN_BYTES)
        while left > 0 and (thrown_away := self.rfile.read(min(left, 65536))):
            left -= len(thrown_away)
        return b"", length

    def _chunked_body(self) -> bytes | None:
        body = bytearray()
        while True:
            size_text = self.rfile.readline(66).split(b";")[0].strip()
            try:
                size = int(size_text, 16)
            except ValueError:
                return None
            if size < 0 or len(body) + size > MAX_BODY_BYTES:
                return None
            body += self.rfile.read(size)
            self.rfile.readline(66)
            if size == 0:
                return bytes(body)

    def _environ(self, body: bytes, length: int) -> WSGIEnvironment:
        path, _, query = self.path.partition("?")
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "SERVER_NAME": self.server.server_name,
            "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            environ.setdefault(f"HTTP_{name.upper().replace('-', '_')}", value)
        return environ

    def _drop(self) -> None:
        # Lingering for zero seconds makes the close a reset, as a crashed peer's would be.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def _shown_path(self) -> str:
        return _FILE_ADDRESS.sub(r"\1…", self.path.partition("?")[0])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Silence the base class; `_serve` writes the one line per request."""


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # Already closed by the other side.


@contextmanager
def serve_in_thread(
    app: WSGIApplication, host: str = "127.0.0.1", port: int = 0
) -> Iterator[Server]:
    """Serve the app on a loopback port (0: any free one) for the length of a `with` block."""
    server = Server((host, port), app)
    # Marked here: the thread may be stopped before it ran at all.
    server._serving = True
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def run(
    host: str,
    port: int,
    data_dir: str | Path,
    speed: float = 1.0,
    on_ready: Callable[[str], None] | None = None,
    balance: int = 1000,
    *,
    seed: int = 0,
    faults: Sequence[PlannedFault] = (),
    plain: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT; `on_ready` gets the address once connections are taken.

    The rest is as `create_app` has it. Signals are handled only when called from the main thread.
    Raises OSError if the port is taken.
    """
    with create_app(
        data_dir, speed=speed, balance=balance, seed=seed, faults=faults, plain=plain
    ) as app:
        server = Server((host, port), app)

        def stop(_number: int, _frame: FrameType | None) -> None:
            # `shutdown` waits for the serving loop, which is the thread this handler runs in.
            threading.Thread(target=server.shutdown, daemon=True).start()

        previous = {}
        if threading.current_thread() is threading.main_thread():
            previous = {n: signal.signal(n, stop) for n in (signal.SIGTERM, signal.SIGINT)}
        try:
            app.room.warm_presets()
            if on_ready:
                on_ready(server.url)
            server.serve_forever(poll_interval=0.1)
        finally:
            _finish(server, app)
            for number, handler in previous.items():
                signal.signal(number, handler)


def _finish(server: Server, app: Sandbox) -> None:
    server.stop()
    logger.info("The sandbox has stopped.")
