"""Keys for a server of ours, and all that an error says."""

from __future__ import annotations

import time
import traceback

import jwt


def token(kind, *, lives_s=3600.0):
    claims = {"token_type": kind, "exp": time.time() + lives_s, "jti": "canary"}
    return jwt.encode(claims, "a signature nobody checks, long enough for HS256", algorithm="HS256")


def everything_said(error):
    """All a log could hold of an exception."""
    return "\n".join([str(error), repr(error), *traceback.format_exception(error), repr(vars(error))])
