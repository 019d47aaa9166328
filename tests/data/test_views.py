"""The further views of a face that predictions are averaged over."""

import torch
from support.smooth_faces import faces

from fer.data.views import ZOOM, enlarge, further_views


def test_the_enlarged_face_is_cut_about_its_centre() -> None:
    x_BCHW = torch.zeros(1, 1, 60, 40)
    x_BCHW[..., 10:50, 10:30] = 200.0
    larger_BCHW = enlarge(x_BCHW)
    assert larger_BCHW.shape == x_BCHW.shape
    lit_share = float((larger_BCHW > 100).float().mean() / (x_BCHW > 100).float().mean())
    assert abs(lit_share - ZOOM**2) < 0.05
    torch.testing.assert_close(larger_BCHW, larger_BCHW.flip(-1), atol=0.01, rtol=0)


def test_views_are_the_mirror_image_and_both_enlarged() -> None:
    x_BCHW = faces(3).float()
    (mirrored_BCHW,) = further_views(x_BCHW, "mirror")
    torch.testing.assert_close(mirrored_BCHW, x_BCHW.flip(-1))
    again_BCHW, larger_BCHW, both_BCHW = further_views(x_BCHW, "zoom")
    torch.testing.assert_close(again_BCHW, mirrored_BCHW)
    torch.testing.assert_close(larger_BCHW, enlarge(x_BCHW))
    torch.testing.assert_close(both_BCHW, larger_BCHW.flip(-1))
    assert (larger_BCHW - x_BCHW).abs().mean() > 1.0
