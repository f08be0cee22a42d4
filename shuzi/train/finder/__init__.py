"""The finder: its network, what it learns from, its loss, and its ONNX file."""
