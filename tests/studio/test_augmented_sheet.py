"""The sheet of training faces as several epochs would show them."""

import base64

import cv2
import numpy as np

from fer.studio.evidence import augmented


def test_what_the_net_is_not_shown_is_hidden_in_the_views_and_not_in_the_face_as_stored() -> None:
    small = ["data=synthetic", "data.train=14", "data.public=7", "data.private=7", "data.size=24", "model.size=24"]
    found = augmented([*small, "augment=none", "visible=upper"], origin=None, seed=0)
    sheet = cv2.imdecode(np.frombuffer(base64.b64decode(found["sheet"]), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert sheet is not None
    stored, view = sheet[:24, :24], sheet[26:50, :24]
    np.testing.assert_array_equal(view[:12], stored[:12])
    assert len(np.unique(view[12:])) == 1 < len(np.unique(stored[12:]))
