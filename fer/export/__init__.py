"""Run folder -> one self-describing .onnx file, checked against the net it came from."""
