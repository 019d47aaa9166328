"""FER-2013 in every public form (arXiv 1307.0414): one file per form, one set of samples."""

from fer.data.fer2013.read import READER, load_fer2013, read_fer2013

__all__ = ["READER", "load_fer2013", "read_fer2013"]
