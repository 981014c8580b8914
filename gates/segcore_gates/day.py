"""The day by which waivers expire."""

from __future__ import annotations

import datetime

__all__ = ["today"]


def today() -> datetime.date:
    """The day it is in UTC, so that a waiver ends everywhere at once."""
    return datetime.datetime.now(datetime.UTC).date()
