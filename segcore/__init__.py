"""The core: masks, formats, measures and scores.  Knows no platform, no pytest, no policy."""

__version__ = "0.1.0"
