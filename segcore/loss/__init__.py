"""What one source lost against another that it was made from."""

from segcore.loss.measure import measure_loss
from segcore.loss.record import BOUND, Kind, Loss

__all__ = ["BOUND", "Kind", "Loss", "measure_loss"]
