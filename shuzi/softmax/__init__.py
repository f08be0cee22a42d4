"""Softmax regression: its equations in numpy and in torch, its loop, and the evidence for its answers."""
