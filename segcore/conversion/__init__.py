"""From one format to another: written beside its destination, read back, measured, then moved there."""

from segcore.conversion.convert import Conversion, convert

__all__ = ["Conversion", "convert"]
