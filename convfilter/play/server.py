"""The page's server: HTTP on this machine only, by the standard library.

security.py says who may ask; here are the limits of size and time. A connection that sends nothing, or little
by little, is closed when its time is over, and at once where others need its place.
"""

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, NoReturn, cast

from convfilter.play import security
from convfilter.play.answer import Answer, refused

if TYPE_CHECKING:
    from convfilter.play.api import Api  # loads NumPy: the page's files go without

Failed = Callable[[BaseException], None]
ADDRESS = "127.0.0.1"
MOST_CONNECTIONS = 64
TO_ASK, TO_SEND = 60.0, 30.0  # seconds: for a whole request, for one piece of it or of an answer
MAX_JSON, MAX_PICTURE = 16 * 2**20, 64 * 2**20  # bytes of a request's body
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


def page_files() -> dict[str, Path]:
    """The files of the page by what a request calls them: all that this server reads from the disk."""
    folder = Path(__file__).with_name("static")
    files = {f"/{path.name}": path for path in folder.iterdir() if path.suffix in TYPES}
    return {"/": folder / "index.html", **files}


class PageServer(ThreadingHTTPServer):
    """Serves the page, and the questions that it asks, to those who may; a thread for each connection.

    port: 0 for any that is free; `server_port` says which it is. failed: called with what went wrong inside.
    Raises OSError where the port is taken.
    """

    daemon_threads = True
    request_queue_size = MOST_CONNECTIONS
    allow_reuse_address = os.name != "nt"  # there it would let two programs have one port

    def __init__(self, api: "Api", port: int = 0, failed: Failed = lambda error: None):
        self.api = api
        self.failed = failed
        self.token = security.new_token()
        self.files = page_files()
        self._until: dict[Any, float] = {}  # connections that something is awaited from, and till when
        self._open: set[Any] = set()
        self._lock = threading.Lock()
        super().__init__((ADDRESS, port), Handler)

    @property
    def address(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/"

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's asks for this machine's name, which may take seconds
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if len(self._open) >= MOST_CONNECTIONS and self._until:
                self._close(min(self._until, key=self._until.__getitem__))
            self._open.add(request)
        self.awaits(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
            self._until.pop(request, None)
        super().shutdown_request(request)

    def awaits(self, connection: Any) -> None:
        """Give a connection so long for what it has to send."""
        with self._lock:
            self._until[connection] = time.monotonic() + TO_ASK

    def has_all(self, connection: Any) -> None:
        """Nothing more is awaited from a connection: its answer may take its time."""
        with self._lock:
            self._until.pop(connection, None)

    def service_actions(self) -> None:
        """Close the connections whose time is over; called twice a second."""
        now = time.monotonic()
        with self._lock:
            for connection in [each for each, until in self._until.items() if until < now]:
                self._close(connection)

    def _close(self, connection: Any) -> None:
        """Its thread, which waits for it, then ends."""
        self._until.pop(connection, None)
        self._open.discard(connection)
        with contextlib.suppress(OSError):  # closed already
            connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A thread's error: nothing where only the other side has gone."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.failed(error)


class _Refused(Exception):
    """A request that is not answered, nor its body read; its connection ends with it."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """One connection: request after request."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # where a request says none: 0.9 has no headers
    timeout = TO_SEND
    disable_nagle_algorithm = True
    wbufsize = -1

    @property
    def page(self) -> PageServer:
        return cast(PageServer, self.server)

    def handle_one_request(self) -> None:
        self.page.awaits(self.connection)
        super().handle_one_request()

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_GET

    def _answer(self) -> None:
        try:
            self._send(self._found())
        except _Refused as error:
            self._refuse(error.status, str(error))
        except OSError:  # the other side has gone
            raise
        except Exception as error:
            self.page.failed(error)
            self._refuse(500, f"an error inside convfilter ({type(error).__name__}); see the terminal")

    def _found(self) -> Answer:
        """The page's file, or the answer to its question, for who may ask. Raises _Refused."""
        headers, port = self.headers, self.page.server_port
        if not security.is_own_page(headers.get_all("Host", []), headers.get_all("Origin", []), port):
            raise _Refused(403, "asked by another page or name; open the address that was printed")
        path, _, _ = self.path.partition("?")
        if not path.startswith("/api/"):
            return self._file(path)
        if not security.knows(headers.get(security.TOKEN_HEADER), self.page.token):
            raise _Refused(403, "no token, or an old one; open the address that was printed")
        name = path.removeprefix("/api/")
        body = self._body(MAX_PICTURE if name == "picture" else MAX_JSON)
        self.page.has_all(self.connection)
        return self.page.api.ask(self.command, name, body, headers.get("X-Name", ""))

    def _file(self, path: str) -> Answer:
        file = self.page.files.get(path)
        if file is None:
            raise _Refused(404, "no such page")
        if self.command != "GET":
            raise _Refused(405, "a file of the page can only be asked for")
        self._body(0)
        return Answer(200, file.read_bytes(), TYPES[file.suffix])

    def _body(self, most: int) -> bytes:
        """What follows the headers. Raises _Refused for more than that, or where its length is not said."""
        lengths = self.headers.get_all("Content-Length", [])
        if self.headers.get_all("Transfer-Encoding"):
            raise _Refused(411, "a body in pieces; say its Content-Length")
        if not lengths:
            return b"" if self.command == "GET" else self._no_length()
        if len(lengths) > 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
            raise _Refused(400, "its Content-Length is no number")
        length = int(lengths[0][:20])
        if length > (most if self.command == "POST" else 0):
            raise _Refused(413, f"larger than {most // 2**20} MiB")
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("gone before the end")
        return body

    def _no_length(self) -> NoReturn:
        raise _Refused(411, "no Content-Length")

    def _refuse(self, status: int, text: str) -> None:
        self.close_connection = True
        self._send(refused(status, text))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        own = {"Content-Type": answer.kind, "Content-Length": str(len(answer.body)), **dict(answer.headers)}
        if answer.status == 405:
            own["Allow"] = "GET, POST"
        if self.close_connection:
            own["Connection"] = "close"
        for name, value in (security.HEADERS | own).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses: what is no HTTP, and methods that are neither GET nor POST."""
        self._refuse(405 if code == 501 else int(code), "only GET and POST, as a browser sends them")

    def version_string(self) -> str:
        return "convfilter"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: an address may hold what is no one's business."""
