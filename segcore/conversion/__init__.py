"""From one format to another: written beside its destination, read back, measured, then moved there."""

from segcore.conversion.convert import Conversion, convert
from segcore.conversion.loss import BOUND, Kind, RoundTrip

__all__ = ["BOUND", "Conversion", "Kind", "RoundTrip", "convert"]
