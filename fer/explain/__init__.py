"""Heat maps: where in a face a net found the evidence for a class."""

from fer.explain.grad_cam import HeatMaps, grad_cam

__all__ = ["HeatMaps", "grad_cam"]
