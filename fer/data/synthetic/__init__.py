"""Synthetic faces: seven expressions drawn from facial action units, on varied people in varied pictures."""

from fer.data.synthetic.portrait import Portrait
from fer.data.synthetic.source import DIFFICULTY, RENDERER, SyntheticFaces, render_face, render_faces, synthetic_samples

__all__ = ["DIFFICULTY", "RENDERER", "Portrait", "SyntheticFaces", "render_face", "render_faces", "synthetic_samples"]
