"""How colour becomes grey."""

from typing import Final

LUMA: Final = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (luma of ITU-R BT.601, section 2.5.1): those of JPEG and of OpenCV's grey
conversion."""
