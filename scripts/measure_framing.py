"""Measures how faces must be cut out of pictures for a model of FER-2013: the constants of fer/runtime/framing.py.

    python scripts/measure_framing.py frame archive.zip         where FER-2013's frame lies in a detector's box,
                                                                and what other frames cost
    python scripts/measure_framing.py light archive.zip         whether equalising the cut face helps
    python scripts/measure_framing.py roll archive.zip          what a tilted head costs, and what turning it back saves
    python scripts/measure_framing.py landmarks archive.zip     where eyes and mouth lie in FER-2013's frame
    python scripts/measure_framing.py detection archive.zip     share of faces found against time, by picture size
    python scripts/measure_framing.py speed archive.zip         from a 640 x 480 JPEG to JSON, step by step

Faces of PublicTest (PrivateTest is never read) are enlarged and pasted at known places into pictures of blurred noise.
Their surroundings are either continued from the face's own border and faded out ("soft") or not at all ("hard").
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fer.data.fer2013 import load_fer2013
from fer.data.samples import Split
from fer.runtime.detection.opening import open_detector
from fer.runtime.framing import Box, BoxFraming, Frame, cut

SIZE = 48
WIDTH, HEIGHT = 640, 480
SIDES = (72, 96, 140, 200, 280)
Images = npt.NDArray[np.uint8]
Ask = Callable[[Images], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Composite:
    """A picture with one face at a known place."""

    picture: Images
    frame: Frame
    row: int
    context: str


def main() -> None:
    """Runs the measurement named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["frame", "light", "roll", "landmarks", "detection", "speed"])
    parser.add_argument("root", type=Path, help="FER-2013")
    parser.add_argument("--faces", type=int, default=3589, help="PublicTest faces used, evenly spread")
    parser.add_argument("--model", default="benchmark", help="exported model; default: benchmark, of the package")
    parser.add_argument("--run", type=Path, help="ask the net of this run folder in place of an exported model")
    parser.add_argument("--detector", default="haar", choices=["haar", "yunet"])
    parser.add_argument("--detector-model", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    samples = load_fer2013(arguments.root).samples
    rows = np.flatnonzero(samples.splits == Split.PUBLIC)
    rows = rows[np.linspace(0, len(rows) - 1, min(arguments.faces, len(rows))).astype(int)]
    faces, labels = np.asarray(samples.images[rows, 0]), np.asarray(samples.labels[rows])
    print(f"{len(faces)} PublicTest faces, OpenCV {cv2.__version__}")
    if arguments.what == "landmarks":
        landmarks(faces)
    elif arguments.what == "detection":
        detection(faces)
    elif arguments.what == "speed":
        speed(faces[:50], arguments.model)
    else:
        ask = _asker(arguments)
        print(f"as they are: accuracy {_accuracy(ask, faces, labels):.2f} %")
        if arguments.what == "frame":
            frame(faces, labels, ask, arguments)
        else:
            {"light": light, "roll": roll}[arguments.what](faces, labels, ask)


def frame(faces: Images, labels: npt.NDArray[np.int64], ask: Ask, arguments: argparse.Namespace) -> None:
    """Fits the frame to the detector's boxes, then scores frames around it on the model's accuracy."""
    detector = open_detector(arguments.detector, model=arguments.detector_model)
    found: list[tuple[Composite, Box]] = []
    for context in ("soft", "hard"):
        count, false = 0, 0
        by_side = {side: [0, 0] for side in SIDES}
        for composite in composites(faces, context=context):
            boxes = detector.faces(composite.picture)
            right = [box for box in boxes if _overlap(box, composite.frame) > 0.3]
            false += len(boxes) - len(right)
            by_side[round(composite.frame.side)][0] += bool(right)
            by_side[round(composite.frame.side)][1] += 1
            if right:
                count += 1
                best = max(right, key=lambda box, truth=composite.frame: _overlap(box, truth))
                found.append((composite, best))
        sizes = ", ".join(f"{side} px {100 * hits / n:.1f} %" for side, (hits, n) in by_side.items())
        print(f"{context}: found {100 * count / len(faces):.1f} % of the faces ({sizes}); {false} boxes without a face")
    measured = np.array([_relation(box, composite.frame) for composite, box in found])
    for name, column in zip(("scale", "right", "down"), measured.T, strict=True):
        low, middle, high = np.percentile(column, (25, 50, 75))
        print(f"{name}: median {middle:.3f}, quartiles {low:.3f} to {high:.3f}")
    scale, right_shift, down = np.median(measured, axis=0).tolist()
    truth = labels[[composite.row for composite, _ in found]]

    def score(frames: Iterator[Frame]) -> float:
        crops = [cut(composite.picture, at, size=SIZE) for (composite, _), at in zip(found, frames, strict=True)]
        return _accuracy(ask, np.stack(crops), truth)

    print(f"cut where they were pasted: accuracy {score(composite.frame for composite, _ in found):.2f} %")
    fitted = BoxFraming(scale, right_shift, down)
    print(f"fitted frame: accuracy {score(fitted.frame(box) for _, box in found):.2f} %")
    scales = (0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6)
    print("accuracy in %, by scale of the box (columns) and shift down in box sizes (rows)")
    print("shift  " + " ".join(f"{value:6.2f}" for value in scales))
    for shift in (down - 0.1, down - 0.05, down, down + 0.05, down + 0.1):
        cells = [
            score(BoxFraming(value, right_shift, shift).frame(box) for _, box in found) if abs(shift - down) < 0.06
            or value in (1.0, 1.1, 1.2) else float("nan")
            for value in scales
        ]  # fmt: skip
        print(f"{shift:+.3f} " + " ".join(f"{cell:6.2f}" for cell in cells), flush=True)


LIGHTS: dict[str, Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]] = {
    "as it is": lambda grey: grey,
    "half contrast": lambda grey: 0.25 + 0.5 * grey,
    "quarter contrast": lambda grey: 0.375 + 0.25 * grey,
    "dark, gamma 2": lambda grey: grey**2,
    "bright, gamma 0.5": lambda grey: grey**0.5,
    "dark and flat": lambda grey: 0.05 + 0.3 * grey,
    "light from the left": lambda grey: grey * np.linspace(1.0, 0.3, SIZE),
}


def light(faces: Images, labels: npt.NDArray[np.int64], ask: Ask) -> None:
    """Accuracy under changes of light, with ways to undo them.

    Half of FER-2013 is already histogram-equalised, a person's own photo is not. The first table changes FER-2013's own
    contrast, so a way that hurts where nothing was changed is no gain.
    """
    clahe = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(4, 4))
    ways: dict[str, Callable[[Images], Images]] = {
        "none": lambda face: face,
        "equalised": lambda face: np.asarray(cv2.equalizeHist(face), np.uint8),
        "CLAHE 2, 4 x 4": lambda face: np.asarray(clahe.apply(face), np.uint8),
        "mean and deviation": standardised,
    }
    flat = np.array([_is_flat(face) for face in faces])
    print(f"{100 * flat.mean():.1f} % of the faces have a flat histogram")
    for part, chosen in (("all", np.ones(len(faces), bool)), ("not flat", ~flat)):
        print(f"{part}: {chosen.sum()} faces; accuracy in %\n{'':22}" + " ".join(f"{name:>18}" for name in ways))
        for name, change in LIGHTS.items():
            changed = np.stack([(255 * change(face / 255.0)).round().astype(np.uint8) for face in faces[chosen]])
            scores = [
                _accuracy(ask, np.stack([way(face) for face in changed]), labels[chosen]) for way in ways.values()
            ]
            print(f"{name:22}" + " ".join(f"{score:18.2f}" for score in scores), flush=True)


def standardised(face: Images) -> Images:
    """The face with FER-2013's mean and standard deviation (131 and 65 within a face)."""
    return ((face - face.mean()) * (65.0 / max(float(face.std()), 1.0)) + 131.0).clip(0, 255).astype(np.uint8)


def roll(faces: Images, labels: npt.NDArray[np.int64], ask: Ask) -> None:
    """Accuracy on turned heads, cut upright and cut along the head."""
    print("degrees   found by Haar   upright   turned back")
    detector = open_detector("haar", live=True)
    for degrees in (0, 5, 10, 15, 20, 30, 45):
        hits, upright, along = 0, [], []
        for composite in composites(faces, context="soft", degrees=degrees):
            at = composite.frame
            hits += any(_overlap(box, at) > 0.3 for box in detector.faces(composite.picture))
            upright.append(cut(composite.picture, Frame(at.x, at.y, at.side), size=SIZE))
            along.append(cut(composite.picture, at, size=SIZE))
        scores = [_accuracy(ask, np.stack(crops), labels) for crops in (upright, along)]
        print(f"{degrees:7}   {100 * hits / len(faces):11.1f} %   {scores[0]:7.2f}   {scores[1]:11.2f}", flush=True)


def landmarks(faces: Images) -> None:
    """Where the networks see eyes and mouths of FER-2013: the median over the faces that they find upright."""
    from fer.runtime.detection.blazeface import BlazeFace
    from fer.runtime.detection.candidate import FaceNet
    from fer.runtime.detection.yunet import YuNet

    nets: tuple[tuple[str, FaceNet, int], ...] = (("YuNet", YuNet(), 4 * SIZE), ("BlazeFace", BlazeFace(), 4 * SIZE))
    for name, net, side in nets:
        rows = []
        for face in faces:
            wide = cv2.cvtColor(_with_surroundings(face, SIZE // 4), cv2.COLOR_GRAY2BGR)
            scale = side / SIZE
            large = np.asarray(cv2.resize(wide, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
            found = net.candidates(large, least=0.6)
            if found:
                points_N2 = found[0].points / side - 0.25
                across, down = points_N2[1] - points_N2[0]
                if abs(np.degrees(np.arctan2(down, across))) < 5.0:
                    rows.append(points_N2)
        table_FN2 = np.array(rows)
        # Faces look to either side equally often: a place and its mirror image are one.
        mirrored = table_FN2[:, [1, 0, 3, 2] if table_FN2.shape[1] == 4 else [1, 0, 2]] * (-1, 1) + (1, 0)
        both = np.concatenate([table_FN2, mirrored])
        low, middle, high = np.percentile(both, (25, 50, 75), axis=0)
        print(f"{name}: {len(table_FN2)} of {len(faces)} faces found and upright; (x, y) over the frame's side")
        for number, (point, spread) in enumerate(zip(middle, high - low, strict=True)):
            print(
                f"  point {number}: ({point[0]:.3f}, {point[1]:.3f}), quartiles {spread[0]:.3f}, {spread[1]:.3f} apart"
            )


def detection(faces: Images) -> None:
    """Share of the faces found, false boxes and milliseconds, by the longest side of the picture searched."""
    from fer.runtime.detection.haar import HaarDetector

    print("faces of 72, 96, 140, 200, 280 pixels in 640 x 480 pictures; share found in %, boxes without a face, ms")
    for longest in (640, 480, 400, 320, 240):
        for step, neighbours in ((1.1, 3), (1.2, 3), (1.2, 2)):
            detector = HaarDetector(longest=longest, step=step, neighbours=neighbours)
            shares = {side: [0, 0] for side in SIDES}
            false, spent = 0, 0.0
            for composite in composites(faces, context="soft"):
                start = time.process_time()
                boxes = detector.faces(composite.picture)
                spent += time.process_time() - start
                hit = any(_overlap(box, composite.frame) > 0.3 for box in boxes)
                false += len(boxes) - hit
                shares[round(composite.frame.side)][0] += hit
                shares[round(composite.frame.side)][1] += 1
            cells = " ".join(f"{100 * hits / n:6.1f}" for hits, n in shares.values())
            name, milliseconds = f"{longest} step {step} neighbours {neighbours}", 1000 * spent / len(faces)
            print(f"{name}: {cells}  {false:4}  {milliseconds:5.1f}", flush=True)


def speed(faces: Images, model_path: str) -> None:
    """Milliseconds of CPU time and of the clock, on one thread: median and 90th percentile over pictures."""
    import json

    from fer.runtime.images import decode
    from fer.runtime.model import EmotionModel
    from fer.runtime.predictor import Predictor
    from fer.runtime.record import Face
    from fer.runtime.video import FaceTracker

    model = EmotionModel.load(model_path)
    pictures = [cv2.imencode(".jpg", shot.picture)[1].tobytes() for shot in composites(faces, context="soft")]
    photo, live = (Predictor(model, open_detector("haar", live=live)) for live in (False, True))
    tracker = FaceTracker(model, live.detector)
    followed = next(data for data in pictures if live.detector.faces(decode(data)))
    ways: dict[str, Callable[[int, bytes], list[Face]]] = {
        "photo": lambda _, data: photo.image(decode(data, grey=True), source=""),
        "live": lambda _, data: live.image(decode(data, grey=True), source=""),
        "video": lambda number, _: tracker.frame(decode(followed, grey=True), seconds=number / 25),
    }
    for name, way in ways.items():
        clock, cpu = [], []
        for number, data in enumerate([pictures[0], *pictures]):
            start, used = time.perf_counter(), time.process_time()
            json.dumps([face.as_dict() for face in way(number, data)])
            clock.append(1000 * (time.perf_counter() - start))
            cpu.append(1000 * (time.process_time() - used))
        # The first of each starts up.
        low, middle, high = np.percentile(cpu[1:], (5, 50, 95))
        print(f"{name:6} CPU median {middle:.1f} ms, 5 % {low:.1f}, 95 % {high:.1f}; clock {np.median(clock[1:]):.1f}")


def composites(faces: Images, *, context: str, degrees: float = 0.0) -> Iterator[Composite]:
    """One 640 x 480 picture a face, the same on every call; sizes in turn, places drawn by a fixed seed."""
    rng = np.random.default_rng(0)
    for row, face in enumerate(faces):
        side = SIDES[row % len(SIDES)]
        x = float(rng.uniform(side * 0.75, WIDTH - side * 0.75))
        y = float(rng.uniform(side * 0.75, HEIGHT - side * 0.75))
        coarse = rng.integers(40, 216, (8, 10)).astype(np.uint8)
        picture = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        picture += rng.normal(0, 4, picture.shape).astype(np.float32)
        turned = degrees if row % 2 else -degrees
        at = Frame(x, y, side, turned)
        margin = SIZE // 2 if context == "soft" else 0
        patch = _with_surroundings(face, margin).astype(np.float32)
        mask = _fade(len(patch), margin)
        scale, angle = side / SIZE, np.deg2rad(turned)
        cos, sin, middle = scale * np.cos(angle), scale * np.sin(angle), len(patch) / 2 - 0.5
        matrix = np.array([[cos, -sin, x - 0.5 - middle * (cos - sin)], [sin, cos, y - 0.5 - middle * (sin + cos)]])
        size = (WIDTH, HEIGHT)
        flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
        border = cv2.BORDER_REPLICATE
        laid = cv2.warpAffine(patch, matrix, size, flags=flags, borderMode=border)
        alpha = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR)
        mixed = (picture * (1 - alpha) + laid * alpha).clip(0, 255).astype(np.uint8)
        yield Composite(mixed, at, row, context)


def _with_surroundings(face: Images, margin: int) -> Images:
    """The face with its border continued outwards and blurred, the face itself untouched."""
    if margin == 0:
        return face
    wide = cv2.copyMakeBorder(face, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(wide, (0, 0), 3)
    soft[margin:-margin, margin:-margin] = face
    return np.asarray(soft, np.uint8)


def _fade(size: int, margin: int) -> npt.NDArray[np.float32]:
    mask = np.zeros((size, size), np.float32)
    inner = margin // 2
    mask[inner : size - inner, inner : size - inner] = 1.0
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), margin / 8), np.float32) if margin else np.ones_like(mask)


def _relation(box: Box, truth: Frame) -> tuple[float, float, float]:
    x, y, width, height = box
    side = (width + height) / 2
    return truth.side / side, (truth.x - x - width / 2) / side, (truth.y - y - height / 2) / side


def _overlap(box: Box, truth: Frame) -> float:
    x, y, width, height = box
    half = truth.side / 2
    across = min(x + width, truth.x + half) - max(x, truth.x - half)
    down = min(y + height, truth.y + half) - max(y, truth.y - half)
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (width * height + truth.side**2 - shared)


def _is_flat(face: Images) -> bool:
    """Whether equalising would change nothing much: grey levels spread evenly."""
    return float(np.abs(np.sort(face.ravel()) - np.linspace(0, 255, face.size)).mean()) < 6.0


def _accuracy(ask: Ask, faces: Images, labels: Sequence[int] | npt.NDArray[np.int64]) -> float:
    return 100.0 * float((ask(faces).argmax(axis=1) == labels).mean())


def _asker(arguments: argparse.Namespace) -> Ask:
    if arguments.run is not None:
        from fer.models.checkpoint import load_model

        net = load_model(arguments.run / "checkpoints" / "best.ckpt")
        return lambda faces: net.probabilities(faces[:, None])
    from fer.runtime.model import EmotionModel

    model = EmotionModel.load(arguments.model)
    return lambda faces: np.concatenate(
        [model.probabilities(faces[start : start + 64]) for start in range(0, len(faces), 64)]
    )


if __name__ == "__main__":
    main()
