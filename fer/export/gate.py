"""Which exports are refused: those that do not predict as the net they came from."""

from dataclasses import dataclass
from typing import Final

from fer.common.errors import CheckpointError
from fer.export.measurement import Measured

MAX_DIFFERENCE: Final = 1e-4
"""Largest difference of a probability between torch and float32 ONNX: both sum the same products in another order,
which moves probabilities by some 1e-6."""

MIN_AGREEMENT: Final = 0.999
"""Least share of equal labels between the same two. Only ties may fall on another side."""


class RefusedError(CheckpointError):
    """An exported model that does not predict as its net; nothing was written."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The limits.

    Attributes:
        max_loss: accuracy INT8 may lose, in points of a hundred.
    """

    max_loss: float

    def check_parity(self, fp32: Measured) -> None:
        """Refuses a float32 graph that does not answer as torch does.

        Raises:
            RefusedError: with the numbers.
        """
        if fp32.max_difference > MAX_DIFFERENCE or fp32.agreement < MIN_AGREEMENT:
            raise RefusedError(
                f"refused: the exported graph does not predict as torch does: probabilities differ by up to "
                f"{fp32.max_difference:.1e} (limit {MAX_DIFFERENCE:.0e}), labels agree on {100 * fp32.agreement:.2f} % "
                f"of the faces (limit {100 * MIN_AGREEMENT:.1f} %); nothing was written"
            )

    def check_loss(self, fp32: Measured, int8: Measured, *, split: str, n: int) -> None:
        """Refuses an INT8 model that loses too much accuracy.

        Raises:
            RefusedError: with the numbers.
        """
        loss = 100 * (fp32.accuracy - int8.accuracy)
        # The accuracies are counts over n; a limit that is met exactly is met.
        if loss > self.max_loss + 1e-9:
            raise RefusedError(
                f"refused: INT8 has {100 * int8.accuracy:.2f} % on the {n:,} {split} faces, {loss:.2f} points less "
                f"than float32 ({100 * fp32.accuracy:.2f} %), and --max-loss is {self.max_loss:g}; nothing was "
                "written. Try --ranges percentile or more --calibration-faces, or export without --int8"
            )
