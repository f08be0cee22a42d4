"""The lesson: executed notebooks in Chinese and English, made from `book/` in the repository."""
