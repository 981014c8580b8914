"""What the panel of the plugin told the browser."""

from __future__ import annotations


def traces(told, figure="bars"):
    """The traces of a figure the browser was last told, by name."""
    (data,) = [params["data"][figure] for params in told["patch_panel_data"] if figure in params["data"]]
    return {trace.get("name", trace["type"]): trace for trace in data}


def ious(trace):
    return dict(zip(trace["y"], trace["x"], strict=True))
