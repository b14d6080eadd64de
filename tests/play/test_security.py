"""Who may ask the server of the page what: each rule, tried with bytes on a socket."""

import json
import socket
import struct
import time
import zlib
from http.client import HTTPResponse
from types import SimpleNamespace

import numpy as np
import pytest
from browser import png

from convfilter.play import pictures, security, server
from convfilter.system.interrupts import raised_at_once

GRAY = np.arange(64, dtype=np.uint8).reshape(8, 8)


@pytest.fixture
def running(play):
    """A server of a small picture."""
    return play(picture=GRAY)


def send(running, request: bytes) -> SimpleNamespace:
    """Send bytes, and read the answer: status, headers, body, and whether the connection was closed after it."""
    with socket.create_connection(("127.0.0.1", running.server.server_port), timeout=10) as connection:
        connection.sendall(request)
        answer = HTTPResponse(connection)
        answer.begin()
        body = answer.read()
        connection.settimeout(0.05)
        try:
            closed = connection.recv(1) == b""
        except TimeoutError:
            closed = False
    return SimpleNamespace(status=answer.status, headers=answer.headers, body=body, closed=closed)


def ask(running, path="/api/start", method="GET", body=b"", **headers: str | None) -> SimpleNamespace:
    """A request as the page sends it, but for the headers given; None leaves one out, a list repeats it."""
    own = {
        "Host": f"127.0.0.1:{running.server.server_port}",
        security.TOKEN_HEADER: running.server.token,
        "Content-Length": str(len(body)) if method == "POST" else None,
    }
    own |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1"]
    for name, value in own.items():
        lines += [
            f"{name}: {each}" for each in (value if isinstance(value, list) else [value]) if each is not None
        ]
    return send(running, "\r\n".join([*lines, "", ""]).encode() + body)


def error(answer) -> str:
    """The one line of a refusal."""
    told = json.loads(answer.body)
    assert set(told) == {"error", "filter", "line", "column"}
    assert told["error"].isprintable()
    assert b"Traceback" not in answer.body
    return told["error"]


def post(running, name, question, **headers):
    body = question if isinstance(question, bytes) else json.dumps(question).encode()
    return ask(running, f"/api/{name}", "POST", body, **headers)


def test_the_page_may_ask(running):
    """Under each of this computer's own names, with the token, with and without an Origin of its own."""
    port = running.server.server_port
    assert ask(running).status == 200
    for name in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST"):
        assert ask(running, Host=f"{name}:{port}", Origin=f"http://{name}:{port}").status == 200
        assert ask(running, "/", Host=f"{name}:{port}").status == 200


HOSTS = [
    "example.org", "example.org:{port}", "127.0.0.1", "localhost", "127.0.0.1:1", "localhost.:{port}", "0.0.0.0:{port}",
    "127.0.0.1:{port}@example.org", "example.org@127.0.0.1:{port}", "127.0.0.1.example.org:{port}", "127.1:{port}",
    "[::ffff:127.0.0.1]:{port}", "", None, ["127.0.0.1:{port}", "example.org"], ["127.0.0.1:{port}", "127.0.0.1:{port}"],
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS, ids=str)
@pytest.mark.parametrize("path", ["/", "/main.js", "/api/start"])
def test_a_foreign_host_is_refused(running, host, path):
    """DNS rebinding: a name that somebody points to 127.0.0.1 is no name of ours; files of the page included."""
    port = running.server.server_port
    said = (
        [each.format(port=port) for each in host]
        if isinstance(host, list)
        else host and host.format(port=port)
    )
    answer = ask(running, path, Host=said)
    assert answer.status == 403
    assert "another page or name" in error(answer)
    assert answer.closed


ORIGINS = ["http://example.org", "null", "https://127.0.0.1:{port}", "http://127.0.0.1", "http://127.0.0.1:1", "",
           "http://127.0.0.1:{port}.example.org", "file://", ["http://127.0.0.1:{port}", "http://example.org"]]  # fmt: skip


@pytest.mark.parametrize("origin", ORIGINS, ids=str)
def test_a_foreign_origin_is_refused(running, origin):
    """Another page in the same browser, also one of another program on this computer, gets nothing, token or not."""
    port = running.server.server_port
    listed = (
        [each.format(port=port) for each in origin] if isinstance(origin, list) else origin.format(port=port)
    )
    assert ask(running, Origin=listed).status == 403
    assert ask(running, "/", Origin=listed).status == 403


@pytest.mark.parametrize("token", [None, "", "x", "é", "0" * 60000])
@pytest.mark.parametrize("path", ["start", "catalogue", "picture/0123456789abcdef.png", "nothing"])
def test_a_question_without_the_token_is_refused(running, token, path):
    """Missing, empty, wrong, long: 403 before anything else is looked at, and the same for what there is not."""
    answer = ask(running, f"/api/{path}", **{security.TOKEN_HEADER: token})
    assert answer.status == 403
    assert "token" in error(answer)


def test_the_token_is_needed_to_post_and_nothing_is_read_before(running):
    """A large upload without the token is refused while it has not been sent."""
    answer = ask(
        running, "/api/picture", "POST", Content_Length="60000000", **{security.TOKEN_HEADER: "wrong"}
    )
    assert (answer.status, answer.closed) == (403, True)


def test_tokens_are_secrets_compared_in_constant_time(monkeypatch):
    """Every server has its own, of at least 256 bits, and hmac.compare_digest decides."""
    tokens = {security.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= 43 for token in tokens)  # 32 bytes as base64
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: compared.append((a, b)) or False)
    assert not security.knows("given", "secret")
    assert compared == [(b"given", b"secret")]


PATHS = ["/../service.py", "/static/main.js", "/%2e%2e/service.py", "/..%2fservice.py", "//etc/passwd", "/etc/passwd",
         "/main.js/../../service.py", "/./main.js", "/main.js%00", "/main.js/", "/C:/", "/..\\service.py", "*", "",
         "http://example.org/", "/api/../main.js", "/favicon.ico"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_only_the_files_of_the_page_are_given(running, path):
    """A request names one of a list; whatever else it says leads nowhere."""
    answer = ask(running, path or " ")
    assert answer.status in (400, 404)
    error(answer)


def test_the_list_of_files_is_fixed():
    """All of them lie in the page's folder, and are of kinds that a page is made of."""
    files = server.page_files()
    assert {path.parent.name for path in files.values()} == {"static"}
    assert {path.suffix for path in files.values()} <= set(server.TYPES)
    assert files["/"].name == "index.html"


def test_every_answer_has_the_headers(running):
    """Files, answers, refusals and what the standard library refuses: the same policy, and no CORS at all."""
    answers = [
        ask(running, "/"), ask(running, "/main.js"), ask(running), ask(running, "/nothing"), ask(running, Host="x"),
        ask(running, **{security.TOKEN_HEADER: None}), ask(running, method="OPTIONS"), post(running, "describe", {}),
        send(running, b"GET / HTTP/9.9\r\n\r\n"), send(running, b"\x16\x03\x01 what\r\n\r\n"),
    ]  # fmt: skip
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        for rule in ("default-src 'self'", "img-src 'self' data: blob:", "frame-ancestors 'none'", "base-uri 'none'",
                     "form-action 'none'"):  # fmt: skip
            assert rule in policy.split("; ")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert answer.headers["Server"] == "convfilter"


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW"])
def test_other_methods_are_refused(running, method):
    """405, and no preflight is ever granted."""
    headers = {"Origin": "http://example.org", "Access_Control_Request_Method": "POST"}
    if method == "HEAD":
        headers["Connection"] = "close"
    answer = ask(running, method=method, **headers)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, POST"


def test_the_wrong_method_for_a_question(running):
    """What is asked by GET can't be posted, and the other way round; files can't be posted to."""
    assert post(running, "start", {}).status == 405
    assert ask(running, "/api/describe").status == 405
    assert post(running, "nothing", {}).status == 404
    assert ask(running, "/main.js", "POST", b"{}").status == 405


@pytest.mark.parametrize("name", ["describe", "picture"])
def test_a_body_larger_than_allowed_is_refused_unread(running, name):
    """413 as soon as its length is said, and the connection closed."""
    most = server.MAX_PICTURE if name == "picture" else server.MAX_JSON
    answer = ask(running, f"/api/{name}", "POST", Content_Length=str(most + 1))
    assert (answer.status, answer.closed) == (413, True)
    assert "MiB" in error(answer)
    assert ask(running, f"/api/{name}", "POST", Content_Length="9" * 400).status in (400, 413)


@pytest.mark.parametrize(
    "length", [None, "-1", "1e3", "+5", "0x10", " ", "٣", ["2", "2"], ["2", "3"]], ids=str
)
def test_a_body_of_no_sure_length_is_refused(running, length):
    """411 without a length, 400 for one that is no number or is said twice: nobody hides a request in a body."""
    answer = ask(running, "/api/describe", "POST", b"{}", Content_Length=length)
    assert answer.status == (411 if length is None else 400)
    assert answer.closed


def test_a_body_in_pieces_is_refused(running):
    """Chunked, alone or beside a length."""
    for length in (None, "5"):
        answer = ask(
            running,
            "/api/describe",
            "POST",
            b"2\r\n{}\r\n0\r\n\r\n",
            Content_Length=length,
            Transfer_Encoding="chunked",
        )
        assert (answer.status, answer.closed) == (411, True)


def test_a_get_has_no_body(running):
    """A body that follows a GET is no second request."""
    answer = ask(running, "/", body=b"GET /api/start HTTP/1.1\r\n\r\n", Content_Length="27")
    assert (answer.status, answer.closed) == (413, True)


def test_headers_are_bounded(running):
    """A line of 100 kB, and 200 headers: refused."""
    assert ask(running, "/" + "a" * 100_000).status == 414
    assert ask(running, **{f"X_{n}": "1" for n in range(200)}).status == 431


def test_several_questions_on_one_connection(running):
    """HTTP/1.1: the connection stays open after an answer."""
    port = running.server.server_port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for _ in range(3):
            connection.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            answer = HTTPResponse(connection)
            answer.begin()
            assert answer.status == 200
            assert b"<!doctype html>" in answer.read()


def test_slow_clients_do_not_hold_others(running, monkeypatch):
    """As many connections as there are places, all of which send little by little: the next one is answered at
    once, in the place of the one that has waited longest."""
    port = running.server.server_port
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(server.MOST_CONNECTIONS)]
    for connection in slow:
        connection.sendall(b"GET / HT")
    started = time.monotonic()
    assert ask(running).status == 200
    assert time.monotonic() - started < 5
    assert slow[0].recv(1) == b""
    for connection in slow:
        connection.close()


def test_a_slow_client_is_cut_off(play, monkeypatch):
    """Its time is for the whole request, however often it sends a byte."""
    monkeypatch.setattr(server, "TO_ASK", 0.5)
    running = play(picture=GRAY)
    with socket.create_connection(("127.0.0.1", running.server.server_port), timeout=10) as connection:
        started = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011  (reset, or a broken pipe)
            while time.monotonic() - started < 8:
                connection.sendall(b"x")
                time.sleep(0.05)
        assert time.monotonic() - started < 4


def test_a_client_that_leaves_is_no_failure(running):
    """Before the end of its request, and before the answer: the next is answered, and nothing is said."""
    port = running.server.server_port
    for request in (b"", b"GET / HT", b"POST /api/describe HTTP/1.1\r\nContent-Length: 10\r\n\r\n{"):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request)
    assert ask(running).status == 200  # `play` looks at the failures at the end


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side: int) -> bytes:
    """A PNG of side × side white pixels, a thousandth of that in bytes."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packer, row = zlib.compressobj(9), b"\0" + b"\xff" * side
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused(running):
    """36 million pixels in 40 kB: refused by the size that its header says; and one whose header lies."""
    large = bomb(6000)
    assert len(large) < 100_000
    answer = post(running, "picture", large, X_Name="bomb.png")
    assert answer.status == 400
    assert error(answer).startswith("bomb.png: 6000 x 6000 is 36000000 pixels")
    assert "max_pixels" not in error(answer)
    header = large[:16] + struct.pack(">II", 100_000, 100_000) + large[24:]
    assert post(running, "picture", header).status == 400


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>",
                                  b"\x80\x04\x95", b"PK\x03\x04"])  # fmt: skip
def test_what_is_no_picture_is_refused(running, data):
    """Nothing but pictures is read, and nothing is unpickled or unpacked."""
    answer = post(running, "picture", data, X_Name="%00%0a..%2f..%2fetc")
    assert answer.status == 400
    error(answer)


def test_a_picture_is_named_by_its_bytes(running, tmp_path, monkeypatch):
    """An upload's name is a word in messages, and leads to no file: nothing is written anywhere."""
    monkeypatch.chdir(tmp_path)
    answer = post(running, "picture", png(GRAY), X_Name="..%2f..%2fevil.png")
    assert json.loads(answer.body)["name"] == "../../evil.png"
    assert list(tmp_path.rglob("*")) == []
    for wrong in ("../../../etc/passwd", "0" * 16, "0" * 15, "..%2f" * 4, "0123456789ABCDEF"):
        assert ask(running, f"/api/picture/{wrong}").status in (400, 404)
        assert post(running, "apply", {"work": {"filter": ["sobel"]}, "picture": wrong}).status == 400


def test_old_pictures_make_room(running, monkeypatch):
    """At most as many as may be kept; the first one, the command's, stays."""
    first = running.service.first.id
    ids = []
    for number in range(pictures.MOST + 2):
        ids.append(json.loads(post(running, "picture", png(GRAY + np.uint8(number + 1))).body)["id"])
    there = [ask(running, f"/api/picture/{each}").status == 200 for each in [first, *ids]]
    assert there == [True] + [False] * 3 + [True] * (pictures.MOST - 1)
    monkeypatch.setattr(pictures, "MOST_BYTES", 3 * (GRAY.nbytes + len(png(GRAY))) + 30)
    post(running, "picture", png(GRAY + np.uint8(100)))
    assert len(running.service.pictures._kept) == 3


QUESTIONS = [b"", b"{", b"[1]", b"null", b'{"work": NaN}', b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000,
             b"\xff\xfe", b'{"work": {"filter": ["sobel"]}, "size": [1e999, 3]}', b'{"work": ' + b"9" * 5000 + b"}"]  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: str(question[:20]))
@pytest.mark.parametrize("name", ["describe", "apply", "window"])
def test_broken_questions_are_refused(running, name, question):
    """Nested too deep, no JSON, NaN, a number of thousands of digits: one line, 400."""
    answer = post(running, name, question)
    assert answer.status == 400
    error(answer)


WORKS = [
    None, [], {}, {"filter": "sobel"}, {"filter": []}, {"filter": [1]}, {"filter": ["sobel"] * 99}, {"filter": [None]},
    {"filter": ["sobel"], "engine": "keras"}, {"filter": ["sobel"], "border": 3}, {"filter": ["sobel"], "strides": [0, 1]},
    {"filter": ["sobel"], "bias": "x"}, {"filter": ["sobel"], "range": "?"}, {"filter": ["sobel"], "linear": "yes"},
    {"filter": ["sobel"], "strides": {"a": 1}}, {"filter": ["sobel"], "__class__": 1}, {"filter": ["["*1000]},
    {"filter": ["sobel"], "pad": 4096, "strides": [4096, 1], "dilation": 4096}, {"filter": ["sobel"], "color": ["gray"]},
]  # fmt: skip


@pytest.mark.parametrize("work", WORKS, ids=str)
def test_wrong_work_is_refused(running, work):
    """Whatever the options hold: one line, 400, or an answer; never a failure inside."""
    question = {"work": work, "picture": running.service.first.id, "size": [8, 8], "grid": [[1, 2], [3, 4]]}
    for name in ("describe", "apply", "layers", "window"):
        answer = post(running, name, question)
        assert answer.status in (200, 400)
        if answer.status == 400:
            error(answer)
    assert answer.status == 400 or "4096" in str(work)


@pytest.mark.parametrize(
    "path", ["./mine.json", "mine.json", "/etc/passwd", "../mine.json", "a/b", "~/mine.json", "\0"]
)
@pytest.mark.parametrize("form", ["{}", '{{"layers": [{{"conv": {}}}]}}'])
def test_a_path_is_no_filter(running, tmp_path, monkeypatch, path, form):
    """Neither by itself nor in a pipeline, even where there is such a kernel; what is said is the same either way."""
    monkeypatch.chdir(tmp_path)
    text = form.format(path if form == "{}" else json.dumps(path))
    question = {"work": {"filter": [text]}, "picture": running.service.first.id}
    before = error(post(running, "apply", question))
    (tmp_path / "mine.json").write_text('{"weights": [[1]]}')
    answer = post(running, "apply", question)
    assert answer.status == 400
    assert error(answer) == before
    assert "path" in before or path == "\0"


def test_a_name_tells_nothing_of_the_folder(running, tmp_path, monkeypatch):
    """A name that is a file's of the folder that the command runs in is answered as any other."""
    monkeypatch.chdir(tmp_path)
    question = {"work": {"filter": ["mine"]}, "size": [8, 8]}
    before = error(post(running, "describe", question))
    (tmp_path / "mine.json").write_text('{"weights": [[1]]}')
    (tmp_path / "mine").write_text("x")
    assert error(post(running, "describe", question)) == before


def test_what_takes_too_long_or_too_much_is_refused(running, monkeypatch):
    """Millions of pixels by a large kernel, or padded to gigabytes."""
    question = {"work": {"filter": ["sobel"]}, "picture": running.service.first.id}
    monkeypatch.setattr("convfilter.play.service.MOST_STEPS", 100)
    assert "more than a page computes" in error(post(running, "apply", question))
    monkeypatch.undo()
    question["work"] |= {"pad": [4096, 4096]}
    monkeypatch.setattr("convfilter.play.service.MOST_BYTES", 10**6)
    for name in ("apply", "layers", "explain"):
        assert post(running, name, question | {"x": 0, "y": 0}).status == 400


def test_what_goes_wrong_inside_is_one_line(running, monkeypatch):
    """500 with the kind of the error, and not a word of where; the terminal is told the rest."""

    def broken():
        raise RuntimeError("secret /path")

    monkeypatch.setitem(running.server.api.facts, "start", broken)
    answer = ask(running)
    assert answer.status == 500
    assert error(answer) == "an error inside convfilter (RuntimeError); see the terminal"
    assert [str(each) for each in running.failures] == ["secret /path"]
    running.failures.clear()


def test_only_this_computer_is_served(running):
    """The socket listens on 127.0.0.1 alone."""
    assert running.server.socket.getsockname()[0] == "127.0.0.1"


def test_signals_are_raised_at_once_where_asked():
    """While another thread holds them back, too."""
    import os
    import signal

    from convfilter.system import interrupts

    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, interrupts._handle)
        with interrupts.interrupts_held(), pytest.raises(KeyboardInterrupt), raised_at_once():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        assert signal.getsignal(signal.SIGINT) is interrupts._handle
    finally:
        signal.signal(signal.SIGINT, before)
