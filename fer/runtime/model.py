"""A model file, ready to be asked: NumPy in, NumPy out, through ONNX Runtime."""

import contextlib
import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from fer.common.errors import CheckpointError, ConfigError, nearest
from fer.common.label_set import check_emotions
from fer.runtime.facts import INPUT, MAPS, PROBABILITIES, ModelFacts
from fer.runtime.onnx_file import has_external_data, read_metadata, repeating_operator
from fer.runtime.prior import Prior, with_prior
from fer.runtime.views import averaged

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

BATCH: Final = 64
"""Faces a call of the session; larger ones are no faster and take more memory."""

MAX_MEMORY: Final = 3 << 29
"""Bytes that all sessions of this process together may hold. A file of a kilobyte may ask for terabytes."""

MIN_CELLS: Final = 4
"""Cells a side that a class activation map needs to show a part of a face, as `fer.models.cam.MIN_CELLS`."""


class EmotionModel:
    """Asks one model file; safe to use from several threads.

    Args:
        session: of the file.
        facts: what the file says of itself.
        prior: shares of the emotions that its probabilities are changed to; None for its own.
        tta: whether it is asked about several views of a face (`fer.runtime.views`).

    Raises:
        ConfigError: a prior, where the file does not say what its own is, or predicts other labels than the seven.
    """

    def __init__(
        self, session: "InferenceSession", facts: ModelFacts, *, prior: Prior | None = None, tta: bool = False
    ) -> None:
        if prior is not None:
            check_emotions(facts.labels, f"--prior {prior.name}")
        if prior is not None and facts.prior is None:
            raise ConfigError(
                f"--prior {prior.name}: the file of {facts.name} does not say which shares it expects: export it again "
                "with fer-export"
            )
        self._session = session
        self.facts = facts
        self._prior = prior
        self._tta = tta

    def adjusted(self, *, prior: Prior | None, tta: bool) -> "EmotionModel":
        """The same model with other shares of the emotions, or asked about several views.

        Raises:
            ConfigError: see the class.
        """
        return EmotionModel(self._session, self.facts, prior=prior, tta=tta)

    @classmethod
    def load(cls, path: Path | str | None = None, *, threads: int = 1) -> "EmotionModel":
        """Opens a file of fer-export; what is none, or is broken, is refused before anything of it runs.

        Args:
            path: the .onnx file, or the name of a model of the package (`fer.runtime.shipped.NAMES`), whose hash is
                checked; None for the first of these.
            threads: CPU threads a prediction may use. One is fastest for single faces, and leaves the others free.

        Raises:
            CheckpointError: missing, cut off, not of fer-export, of a later schema, or not what it says it is.
        """
        from fer.runtime.shipped import expected_sha256, shipped_file, shipped_name

        name = shipped_name(path)
        if name is not None:
            facts, content = _read(shipped_file(name))
            if facts.sha256 != expected_sha256(name):
                raise CheckpointError(
                    f"the shipped model {shipped_file(name)} was changed (SHA-256 {facts.sha256}): install again"
                )
        else:
            facts, content = _read(Path(str(path)))
        origin = str(path) if name is None else f"the shipped model {name}"
        model = cls(_open(content, threads=threads, facts=facts, origin=origin), facts)
        model._try_out(origin)
        return model

    @property
    def name(self) -> str:
        """The model in words, as "skipcnn int8, FER-2013"."""
        return self.facts.name

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return self.facts.labels

    @property
    def size(self) -> int:
        """Height and width of a face, in pixels."""
        return self.facts.size

    @property
    def prior(self) -> str | None:
        """The name of the prior that its probabilities are changed to; None for its own."""
        return None if self._prior is None else self._prior.name

    @property
    def uncertain_below(self) -> float:
        """A label whose confidence is lower is uncertain; 2, above every confidence, where all labels are."""
        return self.facts.uncertain_below

    def probabilities(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """float32 array (N, K): probabilities of `labels`, calibrated, of each face; rows sum to 1.

        Args:
            faces: uint8 (N, size, size), grey, framed as the training faces.
        """
        assert faces.dtype == np.uint8, faces.dtype
        assert faces.shape[1:] == (self.size, self.size), faces.shape
        probabilities = averaged(self._plain, faces) if self._tta else self._plain(faces)
        if self._prior is None:
            return probabilities
        assert self.facts.prior is not None
        old = tuple(self.facts.prior[label] for label in self.labels)
        return with_prior(probabilities, old=old, new=self._prior.shares)

    def _plain(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        batches = [self._run(PROBABILITIES, faces[start : start + BATCH]) for start in range(0, len(faces), BATCH)]
        return np.concatenate(batches) if batches else np.zeros((0, len(self.labels)), np.float32)

    def heat_map(self, face: npt.NDArray[np.uint8], label: str) -> npt.NDArray[np.float32]:
        """float32 array (size, size) in [0, 1]: where the face speaks for `label`; 1 at the strongest place.

        The class activation map (arXiv 1512.04150) where the file has one of at least `MIN_CELLS` cells a side, else
        the loss of probability under a sliding window. A map without any evidence is 0 throughout.

        Args:
            face: uint8 (size, size), as for `probabilities`.
            label: one of `labels`.

        Raises:
            ConfigError: another label.
        """
        if label not in self.labels:
            raise ConfigError(
                f"label={label!r} is no label of this model{nearest(label, self.labels)}: use one of "
                f"{', '.join(self.labels)}"
            )
        number = self.labels.index(label)
        if self.facts.maps is not None and self.facts.maps >= MIN_CELLS:
            evidence = self._run(MAPS, face[None])[0, number]
        else:
            evidence = self._occlusion(face, number)
        return _scaled(evidence, size=self.size)

    def _occlusion(self, face: npt.NDArray[np.uint8], number: int) -> npt.NDArray[np.float32]:
        """float32 (size, size): probability lost on average over the windows that cover a pixel, as fer.explain has it.

        Zeiler and Fergus, arXiv 1311.2901, section 4.2: windows of a quarter of the face, by half a window, filled with
        the face's own mean grey.
        """
        window = max(1, self.size // 4)
        step = max(1, window // 2)
        starts = range(0, self.size - window + step, step)
        covers = np.zeros((len(starts) ** 2, self.size, self.size), dtype=bool)
        for row, top in enumerate(starts):
            for column, left in enumerate(starts):
                covers[row * len(starts) + column, top : top + window, left : left + window] = True
        covered = np.where(covers, np.uint8(round(float(face.mean()))), face[None])
        left_over = self.probabilities(np.concatenate([face[None], covered]))[:, number]
        lost = left_over[0] - left_over[1:]
        mean_loss: npt.NDArray[np.float32] = np.tensordot(lost, covers, axes=1) / covers.sum(axis=0)
        return mean_loss.astype(np.float32)

    def _run(self, output: str, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        values: npt.NDArray[np.float32]
        try:
            values = self._session.run([output], {INPUT: np.ascontiguousarray(faces[:, None])})[0]
        except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
            raise CheckpointError(
                f"the model {self.name} cannot be run: {_reason(error)}; export it again with fer-export"
            ) from error
        if not np.isfinite(values).all():
            raise CheckpointError(f"the model {self.name} gives numbers that are none: export it again with fer-export")
        return values

    def _try_out(self, origin: str) -> None:
        """Refuses a file that opens and cannot predict: two faces, black and white, tell it."""
        faces = np.zeros((2, self.size, self.size), np.uint8)
        faces[1] = 255
        wanted: dict[str, tuple[int, ...]] = {PROBABILITIES: (2, len(self.labels))}
        if self.facts.maps is not None:
            wanted[MAPS] = (2, len(self.labels), self.facts.maps, self.facts.maps)
        for output, shape in wanted.items():
            values = self._run(output, faces)
            if values.shape != shape:
                raise CheckpointError(
                    f"{origin} is not the model that it says it is: its {output} have the shape {values.shape} instead "
                    f"of {shape}; export it again with fer-export"
                )
            if output == PROBABILITIES and not np.allclose(values.sum(axis=1), 1, atol=0.01):
                raise CheckpointError(
                    f"{origin} is not the model that it says it is: its {output} do not sum to 1; export it again "
                    "with fer-export"
                )


def _scaled(evidence: npt.NDArray[np.float32], *, size: int) -> npt.NDArray[np.float32]:
    """What speaks for the class alone, enlarged to the face and scaled to a maximum of 1."""
    import cv2

    positive = np.maximum(evidence, 0.0).astype(np.float32)
    # Differences below rounding are no evidence.
    if positive.max() < 1e-6:
        return np.zeros((size, size), np.float32)
    enlarged = np.asarray(cv2.resize(positive, (size, size), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    scaled: npt.NDArray[np.float32] = enlarged / enlarged.max()
    return scaled


def _read(path: Path) -> tuple[ModelFacts, bytes]:
    facts = ModelFacts.from_metadata(read_metadata(path), origin=str(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    if has_external_data(content):
        raise CheckpointError(f"{path} keeps weights in other files, which none of fer-export does: export it again")
    repeats = repeating_operator(content)
    if repeats is not None:
        raise CheckpointError(
            f"{path} repeats a part of itself ({repeats}), which none of fer-export does: it may hang"
        )
    return facts.model_copy(update={"sha256": hashlib.sha256(content).hexdigest()}), content


def _open(content: bytes, *, threads: int, facts: ModelFacts, origin: str) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Its warnings are for those who made the file; its errors are told below.
    options.log_severity_level = 4
    _bound_memory()
    options.add_session_config_entry("session.use_env_allocators", "1")
    # Else it looks for its own format first: a file can be both, and what was looked at is the one that is not run.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        session = onnxruntime.InferenceSession(
            content,
            options,
            providers=["CPUExecutionProvider"],
            # Without the switch it prints an error's text among our output, and tries the same once more.
            enable_fallback=0,
            # Before 1.27 constants are computed outside the bounded store; what fer-export writes has none to compute.
            disabled_optimizers=["ConstantFolding"],
        )
    except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
        raise CheckpointError(f"{origin} cannot be run: {_reason(error)}; export it again with fer-export") from error
    _check_ports(session, facts=facts, origin=origin)
    return session


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


@functools.cache
def _bound_memory() -> None:
    """Gives ONNX Runtime's sessions one store of memory of `MAX_MEMORY` bytes."""
    import onnxruntime

    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    # It grows by what is asked for, not by powers of two.
    store = onnxruntime.OrtArenaCfg({"max_mem": MAX_MEMORY, "arena_extend_strategy": 1})
    # A program around this one may have registered its own: then its limits hold.
    with contextlib.suppress(RuntimeError):
        onnxruntime.create_and_register_allocator(place, store)


def _check_ports(session: "InferenceSession", *, facts: ModelFacts, origin: str) -> None:
    classes = len(facts.labels)
    wanted: dict[str, tuple[str, list[Any]]] = {PROBABILITIES: ("tensor(float)", [classes])}
    if facts.maps is not None:
        wanted[MAPS] = ("tensor(float)", [classes, facts.maps, facts.maps])

    def refuse(what: str) -> NoReturn:
        raise CheckpointError(f"{origin} is not the model that it says it is: {what}; export it again with fer-export")

    inputs = [(port.name, port.type, list(port.shape[1:])) for port in session.get_inputs()]
    if inputs != [(INPUT, "tensor(uint8)", [1, facts.size, facts.size])]:
        refuse(f"it takes {inputs} instead of {INPUT} uint8 (N, 1, {facts.size}, {facts.size})")
    outputs = {port.name: (port.type, list(port.shape[1:])) for port in session.get_outputs()}
    if outputs != wanted:
        refuse(f"it gives {outputs} instead of {wanted}")
