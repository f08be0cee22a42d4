"""Synthetic handwriting: digits, scenes, pages and forms drawn by a generator, with the truth beside them."""
