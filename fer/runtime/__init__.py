"""Prediction without torch: model files, images, face detection, `fer-predict` and `fer-serve`."""
