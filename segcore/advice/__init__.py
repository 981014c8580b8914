"""Is segmentation worth it here? What every class needs, by the shapes of its masks."""

from segcore.advice.advice import Advice, ClassAdvice
from segcore.advice.advising import advise

__all__ = ["Advice", "ClassAdvice", "advise"]
