"""What a report is asked to do; conf/evaluation/report/default.yaml holds the same defaults."""

from typing import Literal

from pydantic import Field

from fer.section import Section


class ReportOptions(Section):
    """Options of `fer-report`.

    Attributes:
        bootstrap: resamples behind each interval.
        seed: of the resampling and of the choice of example faces.
        tta: also score with the mirrored face's answer averaged in.
        explain: draw Grad-CAM maps.
        cam_images_per_class: correct and wrong faces drawn for each emotion.
        mistakes: how many of the most confident wrong answers are shown.
        faces: show faces at all; false makes a page that can be passed on where the data set's licence forbids
            passing on its images.
        batch_size: faces the model is asked about at a time.
        device: auto (CUDA, then Apple MPS, then the CPU), cpu, mps or cuda.
    """

    bootstrap: int = Field(default=2000, ge=100, le=100_000)
    seed: int = Field(default=0, ge=0, lt=2**32)
    tta: bool = True
    explain: bool = True
    cam_images_per_class: int = Field(default=4, ge=1, le=50)
    mistakes: int = Field(default=12, ge=0, le=200)
    faces: bool = True
    batch_size: int = Field(default=256, ge=1)
    device: Literal["auto", "cpu", "mps", "cuda"] = "auto"
