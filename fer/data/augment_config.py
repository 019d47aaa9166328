"""What can be varied in a training image, and by how much.

Import-light, so that a config is checked before torch loads.
"""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from fer.common.section import OwnPart, Section, own_or_ours
from fer.data.regions import HALVES, Part

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class AugmentConfig(Section):
    """Settings of `fer.data.augment.Augment`; the defaults leave every image as it is.

    A setting of the form "up to" is the bound of a uniform draw that is made anew for every image.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    # Geometry: one resampling for all of it.
    flip_probability: Probability = 0.0
    """Share of images mirrored left to right."""
    rotate_degrees: float = Field(default=0.0, ge=0.0, le=180.0)
    """Rotation of up to this many degrees, either way."""
    translate_fraction: float = Field(default=0.0, ge=0.0, le=1.0)
    """Shift of up to this fraction of the side, along each axis, either way."""
    scale_fraction: float = Field(default=0.0, ge=0.0, le=4.0)
    """Zoom between 1 / (1 + value) and 1 + value, uniform in its logarithm."""
    shear_degrees: float = Field(default=0.0, ge=0.0, le=60.0)
    """Horizontal shear of up to this many degrees, either way."""
    fill: Literal["border", "mean", "black", "reflect"] = "border"
    """What shows beyond the image's edge: the nearest edge pixel, the image's mean, black, or the image mirrored."""
    prefilter: bool = False
    """Sharpen images of the net's own size by as much as their resampling blurs them (`fer.data.resampling_blur`): the
    faces of the evaluation, which are not resampled, are then as sharp as those of the training."""

    # Light and sensor.
    brightness: float = Field(default=0.0, ge=0.0, le=1.0)
    """Grey levels multiplied by 1 plus or minus up to this."""
    contrast: float = Field(default=0.0, ge=0.0, le=1.0)
    """Distance from the image's mean multiplied by 1 plus or minus up to this."""
    gamma: float = Field(default=0.0, ge=0.0, le=4.0)
    """Exponent between 1 / (1 + value) and 1 + value, uniform in its logarithm; over 1 darkens the mid-tones."""
    noise_std: float = Field(default=0.0, ge=0.0, le=255.0)
    """Gaussian noise whose standard deviation is drawn between 0 and this, in grey levels of 255."""

    # The camera and its file, before the geometry: faces are cut out of pictures that are saved already.
    blur_probability: Probability = 0.0
    """Share of images blurred, as out of focus."""
    blur_fraction: float = Field(default=0.03, ge=0.0, le=0.5)
    """Gaussian whose standard deviation is drawn between 0 and this fraction of the side: 0.03 is 1.4 pixels of 48."""
    downscale_probability: Probability = 0.0
    """Share of images that show a small face: shrunk, and enlarged again after noise and JPEG."""
    downscale_to: float = Field(default=0.5, gt=0.0, le=1.0)
    """Shrunk to between this fraction of the side and all of it, uniform in its logarithm: 0.5 is 24 pixels of 48."""
    low_light_probability: Probability = 0.0
    """Share of images taken in little light."""
    low_light_stops: float = Field(default=4.0, ge=0.0, le=10.0)
    """Light halved up to this many times, before the sensor's noise."""
    low_light_gain: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of those halvings that the camera's gain undoes, with the noise: drawn between 0 (dark) and this."""
    jpeg_probability: Probability = 0.0
    """Share of images saved as JPEG."""
    jpeg_quality: tuple[int, int] = (30, 95)
    """Least and largest quality, on libjpeg's scale from 1 to 100."""

    # Things in front of the face.
    erase_probability: Probability = 0.0
    """Share of images in which one rectangle is erased (arXiv 1708.04896)."""
    erase_area: tuple[float, float] = (0.02, 0.2)
    """Least and largest area of the rectangle, as fractions of the image."""
    erase_aspect: float = Field(default=3.3, ge=1.0)
    """Height over width of the rectangle lies between 1 / value and value, uniform in its logarithm."""
    erase_fill: Literal["mean", "noise"] = "mean"
    """What replaces the rectangle: the image's mean, or uniform noise in every pixel."""
    occlude_probability: Probability = 0.0
    """Share of images in which one region of `occlude_regions` is hidden."""
    occlude_regions: tuple[Part, ...] = HALVES
    """Regions that get hidden, each as likely as the others; left and right are those of the picture."""

    # Mixing of two images and their labels.
    mixup_alpha: float = Field(default=0.0, ge=0.0)
    """Blend of two images with weight Beta(alpha, alpha) (arXiv 1710.09412); 0 is off."""
    cutmix_alpha: float = Field(default=0.0, ge=0.0)
    """Rectangle of another image, area 1 - Beta(alpha, alpha) (arXiv 1905.04899); 0 is off. With mixup on too, an image
    gets either with equal chance."""
    mix_probability: Probability = 1.0
    """Share of images that get mixed, where an alpha is over 0."""

    @model_validator(mode="after")
    def _check_ranges(self) -> Self:
        low, high = self.erase_area
        if not 0.0 < low <= high <= 1.0:
            raise ValueError(f"erase_area=[{low}, {high}]: give [least, largest] with 0 < least <= largest <= 1")
        worst, best = self.jpeg_quality
        if not 1 <= worst <= best <= 100:
            raise ValueError(f"jpeg_quality=[{worst}, {best}]: give [least, largest] with 1 <= least <= largest <= 100")
        if not self.occlude_regions:
            raise ValueError("occlude_regions=[]: name at least one region, or set occlude_probability=0")
        return self

    @property
    def warps(self) -> bool:
        """Whether images are resampled along a tilted, shifted or scaled grid."""
        return max(self.rotate_degrees, self.translate_fraction, self.scale_fraction, self.shear_degrees) > 0.0

    @property
    def photographs(self) -> bool:
        """Whether images get a camera's blur, pixels, noise or JPEG."""
        return (
            max(self.blur_probability, self.downscale_probability, self.low_light_probability, self.jpeg_probability)
            > 0.0
        )

    @property
    def mixes(self) -> bool:
        """Whether batches come out with soft targets."""
        return self.mix_probability > 0.0 and max(self.mixup_alpha, self.cutmix_alpha) > 0.0


class OwnAugmentConfig(OwnPart):
    """An augmentation of one's own: a class, and its arguments beside `_target_`.

    Its objects (a torch.nn.Module, say) are called with a batch of images, uint8 (B, C, H, W) on the device, and give
    as many images of as many channels back, of any dtype in [0, 255] and any square size. A `generator` is handed over
    where they take one; other random numbers come from torch's own generators, which are seeded for every epoch.
    """

    @property
    def mixes(self) -> bool:
        """Whether batches come out with soft targets."""
        return False


AnyAugmentConfig = Annotated[
    Annotated[AugmentConfig, Tag("ours")] | Annotated[OwnAugmentConfig, Tag("own")], Discriminator(own_or_ours)
]
