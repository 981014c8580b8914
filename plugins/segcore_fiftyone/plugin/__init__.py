"""What FiftyOne finds in its plugins folder; all it does is in the installed package."""

from __future__ import annotations

from typing import Any

from segcore_fiftyone.operators import OPERATORS
from segcore_fiftyone.panel import SegcorePanel

__all__ = ["register"]


def register(plugin: Any) -> None:
    """FiftyOne calls this when it loads the plugin."""
    for operator in (*OPERATORS, SegcorePanel):
        plugin.register(operator)
