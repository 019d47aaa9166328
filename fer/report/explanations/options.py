"""Options of the explanations."""

from typing import Literal

from pydantic import Field, field_validator

from fer.common.section import Section

MethodName = Literal["grad_cam", "guided_grad_cam", "integrated_gradients", "saliency", "occlusion"]


class ExplanationsOptions(Section):
    """What is explained, and how thoroughly the explanations are tested.

    Attributes:
        enabled: whether the analysis runs.
        methods: the methods compared and tested, names of `fer.explain.methods.METHODS`; the gallery and the average
            maps are always Grad-CAM.
        cam_images_per_class: right and wrong answers shown for each emotion.
        mistakes: how many of the most confident wrong answers are shown.
        successes: how many of the least confident right answers are shown.
        compared_faces: faces shown under every method.
        class_map_faces: right answers averaged into each emotion's map, at most; 0 leaves the average maps out.
        tested_faces: faces of the deletion and insertion test; 0 leaves it out, and the next with it.
        randomised_faces: how many of them the parameter-randomisation test takes; 0 leaves it out.
        pointing_faces: faces of the pointing game, where the data tell which part makes the emotion; 0 leaves it out.
    """

    enabled: bool = True
    methods: tuple[MethodName, ...] = Field(
        default=("grad_cam", "guided_grad_cam", "integrated_gradients", "saliency", "occlusion"), min_length=1
    )
    cam_images_per_class: int = Field(default=4, ge=1, le=50)
    mistakes: int = Field(default=12, ge=0, le=200)
    successes: int = Field(default=12, ge=0, le=200)
    compared_faces: int = Field(default=7, ge=0, le=70)
    class_map_faces: int = Field(default=200, ge=0)
    tested_faces: int = Field(default=30, ge=0)
    randomised_faces: int = Field(default=6, ge=0)
    pointing_faces: int = Field(default=70, ge=0)

    @field_validator("methods")
    @classmethod
    def _each_once(cls, methods: tuple[MethodName, ...]) -> tuple[MethodName, ...]:
        if len(set(methods)) < len(methods):
            raise ValueError("name each method once, as in [grad_cam,occlusion]")
        return methods
