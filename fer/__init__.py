"""Facial-emotion recognition: train, compare, explain and ship models with numbers one can trust."""

import os

# From 1.29 on, ONNX Runtime keeps a database in the user's cache folder and reports to its makers what it runs. It
# reads this once, when it starts: nothing of ours may import it earlier. ORT_DISABLE_TELEMETRY=0 lets it report.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
