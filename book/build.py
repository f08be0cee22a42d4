"""Execute the lesson's chapters and write them as notebooks, shuzi/learn/{zh,en}/*.ipynb: python book/build.py

Both languages have the same code cells, so each chapter runs once, and both notebooks get its outputs. The code in the
answers to the exercises runs too, and must print what the page shows below it. All run in one kernel, its names cleared
between chapters: torch is imported once.
"""

import ast
import base64
import io
import os
import re
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

BOOK = Path(__file__).parent
ROOT = BOOK.parent
NOTEBOOKS = ROOT / "shuzi" / "learn"
LANGUAGES = "zh", "en"
CLEAR = "%reset -f"
# Steps on 100 images are too short to be shared by threads; those that spin while they wait slow a busy machine down.
THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}
LINK = re.compile(r"\[([^]]+)\]\((source|file):([^)]+)\)")
ANSWER = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


def chapters() -> list[str]:
    """Give the chapters' names, in order."""
    return sorted(path.stem for path in (BOOK / "zh").glob("[0-9]*.md"))


def source(language: str, chapter: str) -> nbformat.NotebookNode:
    """Give a chapter as a notebook without outputs, its cells numbered and its links to lines resolved."""
    notebook = jupytext.read(BOOK / language / f"{chapter}.md")
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = {}
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(in_repository, cell.source)
    return notebook


def code(notebook: nbformat.NotebookNode) -> list[str]:
    """Give the code cells of a notebook."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def answers(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Give the code blocks in the answers to the exercises, each with the output that the page shows below it."""
    prose = "\n".join(f"{cell.source}\n" for cell in notebook.cells if cell.cell_type == "markdown")
    return ANSWER.findall(prose)


def lines(name: str) -> tuple[str, int, int]:
    """Give the file, from the repository's root, and the first and last line of what a dotted name names."""
    module, attribute = name.rsplit(".", 1)
    file = f"{module.replace('.', '/')}.py"
    for node in ast.parse((ROOT / file).read_text()).body:
        if getattr(node, "name", "") == attribute:
            return file, node.lineno, node.end_lineno
    raise ValueError(f"{file}: no {attribute} in it")


def in_repository(link: re.Match[str]) -> str:
    """Point a link from where the notebooks lie to a file, and to the lines of what it names."""
    text, kind, name = link.groups()
    if kind == "file":
        return f"[{text}](../../../{name})"
    file, first, last = lines(name)
    return f"[{text}](../../../{file}#L{first}-L{last})"


def executed() -> tuple[dict[str, dict[str, nbformat.NotebookNode]], list[tuple[str, str, str]]]:
    """Execute all chapters, and after each the answers to its exercises.

    Returns: each language's notebooks by chapter; and each answer whose output isn't what its page shows, with both.

    Raises:
        ValueError: a chapter's code differs between the languages.
        CellExecutionError: a cell or an answer failed.
    """
    books = {language: {each: source(language, each) for each in chapters()} for language in LANGUAGES}
    whole = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for chapter in chapters():
        first, *others = ((code(book[chapter]), answers(book[chapter])) for book in books.values())
        if any(other != first for other in others):
            raise ValueError(f"{chapter}: its code differs between {' and '.join(LANGUAGES)}")
        own, answered = first
        whole.cells += [nbformat.v4.new_code_cell(each) for each in (CLEAR, *own, *(a for a, _ in answered))]
    client = NotebookClient(whole, timeout=600, coalesce_streams=True, resources={"metadata": {"path": str(ROOT)}})
    client.execute(env=os.environ | THREADS)
    outputs = iter(cell.outputs for cell in whole.cells if cell.source != CLEAR)
    differ = []
    for chapter in chapters():
        cells = [
            [cell for cell in books[language][chapter].cells if cell.cell_type == "code"] for language in LANGUAGES
        ]
        for number, same in enumerate(zip(*cells, strict=True), 1):
            shown = joined(next(outputs))
            for cell in same:
                cell.outputs, cell.execution_count = shown, number
        for answer, shown_below in answers(books["en"][chapter]):
            printed = "".join(output.get("text", "") for output in next(outputs))
            if printed != shown_below:
                differ.append((f"{chapter}, the answer\n{answer}", shown_below, printed))
    return books, differ


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Leave out of outputs what differs from run to run without a meaning."""
    for output in outputs:
        output.pop("execution_count", None)
        if output.output_type == "execute_result":
            output.execution_count = None
        output.get("metadata", {}).clear()
        output.pop("transient", None)
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = in_few_colours(output.data["image/png"])
            output.data["text/plain"] = re.sub(r" at 0x[0-9a-f]+", "", output.data.get("text/plain", ""))
    return outputs


def in_few_colours(image: str) -> str:
    """Reduce a PNG in base64 to 256 colours, where that makes it smaller: a figure has hardly more."""
    picture, file = Image.open(io.BytesIO(base64.b64decode(image))).convert("RGB"), io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return min(base64.b64encode(file.getvalue()).decode(), image, key=len)


def write(books: dict[str, dict[str, nbformat.NotebookNode]], to: Path) -> None:
    """Write notebooks into a folder, a folder a language."""
    for language, book in books.items():
        (to / language).mkdir(parents=True, exist_ok=True)
        for chapter, notebook in book.items():
            nbformat.write(notebook, to / language / f"{chapter}.ipynb")


if __name__ == "__main__":
    books, differ = executed()
    if differ:
        wrong = [f"{answer}prints\n{printed}" for answer, _, printed in differ]
        sys.exit("\n".join((*wrong, "Nothing was written; put these outputs into both languages.")))
    write(books, NOTEBOOKS)
