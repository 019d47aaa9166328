"""The occlusion study: a full-face baseline, fine-tuned on each half of the face."""
