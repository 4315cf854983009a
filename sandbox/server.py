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
from email.utils import formatdate
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
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
_LINE_BYTES = 65536
_MOST_HEADERS = 100
_DRAIN_BYTES = 200 * 1024 * 1024
# A file address is itself a permission, so logs carry only its beginning.
_FILE_ADDRESS = re.compile(r"^(/files/(?:results|uploads)/.{6}).*")


class Server(ThreadingTCPServer):
    """Serves one WSGI app; `stop()` lets requests in hand finish and cuts idle connections."""

    daemon_threads = True
    allow_reuse_address = True
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
        super().server_bind()
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


class Handler(StreamRequestHandler):
    """One connection: requests in turn, each given to the WSGI app.

    The standard library's HTTP handler parses headers as e-mail; that alone costs several times
    what the sandbox needs to answer.
    """

    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def handle(self) -> None:
        self._closes = False
        try:
            while not self._closes:
                self._handle_one()
        except (ConnectionError, TimeoutError):
            return
        finally:
            self.server.forget(self.connection)

    def _handle_one(self) -> None:
        self.server.mark_idle(self.connection)
        line = self.rfile.readline(_LINE_BYTES + 1)
        if not line:
            self._closes = True
            return
        self.server.mark_busy(self.connection)
        try:
            try:
                self._read_head(line)
            except ValueError:
                self._refuse("400 Bad Request")
            else:
                self._serve()
            self.wfile.flush()
        finally:
            self.server.mark_done(self.connection)

    def _read_head(self, line: bytes) -> None:
        """Take the request line and the headers; raises ValueError if they make no sense."""
        method, target, version = line.decode("latin-1").split()
        if not version.startswith("HTTP/1.") or len(line) > _LINE_BYTES:
            raise ValueError("not HTTP/1.x")
        self._method, self._target, self._version = method, target, version
        headers: dict[str, str] = {}
        while (line := self.rfile.readline(_LINE_BYTES + 1)) not in {b"\r\n", b"\n", b""}:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or len(line) > _LINE_BYTES or len(headers) > _MOST_HEADERS:
                raise ValueError("a bad header")
            headers.setdefault(name.strip().lower(), value.strip())
        self._headers = headers
        wish = headers.get("connection", "").lower()
        self._closes = wish == "close" or (version == "HTTP/1.0" and wish != "keep-alive")
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()

    def _serve(self) -> None:
        started = time.monotonic()
        body = self._body()
        if body is None:
            self._refuse("411 Length Required")
            return
        status: list[str] = []

        def start_response(line: str, headers: list[tuple[str, str]], _exc: object = None) -> Any:
            status.append(line)
            if self.server.stopping:
                self._closes = True
            lines = [f"HTTP/1.1 {line}", f"Date: {formatdate(usegmt=True)}"]
            lines += [f"{name}: {value}" for name, value in headers]
            if self._closes:
                lines.append("Connection: close")
            self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
            return self.wfile.write

        try:
            chunks: Iterable[bytes] = self.server.app(self._environ(*body), start_response)
            for chunk in chunks:
                if self._method != "HEAD":
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
                self._refuse("500 Internal Server Error")
            self._closes = True
            status.append("500")
        took = (time.monotonic() - started) * 1000
        outcome = status[-1].split(" ", 1)[0]
        logger.info("%s %s %s %.0f ms", self._method, self._shown_path(), outcome, took)

    def _refuse(self, status: str) -> None:
        self._closes = True
        self.wfile.write(
            f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )

    def _body(self) -> tuple[bytes, int] | None:
        """The request's body and its declared length; None if the length makes no sense.

        A body over the limit is read and thrown away, so that the refusal can be answered.
        """
        if self._headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunked_body()
            return (body, len(body)) if body is not None else None
        text = self._headers.get("content-length", "0")
        if not text.isdecimal():
            return None
        length = int(text)
        if length <= MAX_BODY_BYTES:
            return self.rfile.read(length), length
        self._closes = True
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
        path, _, query = self._target.partition("?")
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": self._method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self._headers.get("content-type", ""),
            "CONTENT_LENGTH": str(length),
            "SERVER_NAME": self.server.server_name,
            "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": self._version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self._headers.items():
            environ.setdefault(f"HTTP_{name.upper().replace('-', '_')}", value)
        return environ

    def _drop(self) -> None:
        # Lingering for zero seconds makes the close a reset, as a crashed peer's would be.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._closes = True

    def _shown_path(self) -> str:
        return _FILE_ADDRESS.sub(r"\1…", self._target.partition("?")[0])


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
