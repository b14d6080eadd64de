"""Who may ask: only pages of this server, in a browser here, that know its token.

Any page in the browser can send requests to 127.0.0.1, and by a name that it points there (DNS rebinding)
read the answers too. So Host and Origin must be this server's own, and what isn't a file of the page needs
a token, which the address carries in its fragment: browsers send that to nobody.
"""

import hmac
import secrets

TOKEN_HEADER = "X-Convfilter-Token"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def new_token() -> str:
    """A secret that cannot be guessed."""
    return secrets.token_urlsafe()


def hosts(port: int) -> frozenset[str]:
    """What a Host header of this machine's own may say."""
    names = ("127.0.0.1", "localhost", "[::1]")
    return frozenset(f"{name}:{port}" for name in names) | frozenset(names if port == 80 else ())


def is_own_page(host: list[str], origin: list[str], port: int) -> bool:
    """Whether a request's Host headers, and its Origin headers if there are any, name this server.

    >>> is_own_page(["localhost:8000"], [], 8000), is_own_page(["example.org:8000"], [], 8000)
    (True, False)
    """
    own = hosts(port)
    pages = {f"http://{name}" for name in own}
    right_host = len(host) == 1 and host[0].strip().lower() in own
    return right_host and len(origin) <= 1 and all(each.strip().lower() in pages for each in origin)


def knows(given: str | None, token: str) -> bool:
    """Whether a request's header holds the token; how long the answer takes says nothing about it."""
    return hmac.compare_digest((given or "").encode("utf-8", "replace"), token.encode())
