"""Where a Label Studio server is and with which key it is asked: checked before anything is sent."""

from __future__ import annotations

from typing import Final
from urllib.request import getproxies, proxy_bypass

import httpx
import jwt

from segcore.errors import SpecError
from segcore.wording import printable

__all__ = ["KEY_VARIABLE", "URL_VARIABLE", "checked_key", "checked_url", "sender"]

URL_VARIABLE: Final = "LABEL_STUDIO_URL"
KEY_VARIABLE: Final = "LABEL_STUDIO_API_KEY"


def checked_url(text: str) -> httpx.URL:
    """The address with a slash at its end; never shown where it may hold a password.

    Raises
    ------
    SpecError
        It cannot be read, holds a user, or is no address of a server.
    """
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, ValueError):
        raise SpecError("the address of Label Studio cannot be read; expected https://host/") from None
    if url.userinfo:
        raise SpecError(
            "the address of Label Studio must hold no user and no password; "
            f"the key belongs into {KEY_VARIABLE}"
        )
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
        shown = printable(str(url.copy_with(query=None, fragment=None)), limit=200)
        raise SpecError(
            f"the address of Label Studio is http:// or https://, a host and maybe a path, got {shown!r}"
        )
    return url.copy_with(path=url.path.rstrip("/") + "/")


def checked_key(text: str) -> str:
    """The key without blanks around it; never shown.

    Raises
    ------
    SpecError
        It is no key, or an access token, which lives for minutes only.
    """
    key = text.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise SpecError(
            f"{KEY_VARIABLE} is not a key: a key has no blanks, line breaks or special letters"
        )
    try:
        claims = jwt.decode(key, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return key  # a legacy token
    if claims.get("token_type") == "access":
        raise SpecError(
            f"{KEY_VARIABLE} holds an access token, which lives for minutes; "
            "use the personal access token of your account page"
        )
    return key


def sender(base: httpx.URL) -> httpx.HTTPTransport:
    """What opens the sockets, through the proxy of the environment where there is one.

    Raises
    ------
    SpecError
        That proxy cannot be used.
    """
    proxy = None
    if base.host not in {"localhost", "127.0.0.1", "::1"} and not proxy_bypass(base.host):
        proxies = getproxies()
        proxy = proxies.get(base.scheme) or proxies.get("all")
    try:
        # Without TLS there is no certificate to verify, and reading those of the system takes long.
        return httpx.HTTPTransport(proxy=proxy, verify=base.scheme == "https" or proxy is not None)
    except (ImportError, ValueError, httpx.InvalidURL):
        raise SpecError("the proxy that the environment names for this address cannot be used") from None
