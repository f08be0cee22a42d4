"""What one reads at a time is short: functions fit on a screen, files on a few. ruff holds their complexity."""

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
FUNCTION_LINES, FILE_LINES = 50, 400
# One thing each, in two forms: regression as an estimator and as a module, and a network as it learns and as it reads.
TWICE = {"SoftmaxRegression", "Finder"}


def test_functions_have_at_most_50_lines():
    functions = [
        (f"{path.relative_to(ROOT).as_posix()}: {node.name}", node.end_lineno - node.lineno + 1)
        for path in (ROOT / "shuzi").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(functions) > 800
    assert {name for name, lines in functions if lines > FUNCTION_LINES} == set()


def test_files_have_at_most_400_lines():
    files = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for ending in ("py", "js")
        for path in (ROOT / "shuzi").rglob(f"*.{ending}")
    }
    assert len(files) > 100
    assert {name for name, lines in files.items() if lines > FILE_LINES} == set()


def test_a_class_has_a_name_of_its_own():
    names = Counter(
        node.name
        for path in (ROOT / "shuzi").rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    )
    assert len(names) > 150
    assert {name for name, count in names.items() if count > 1} == TWICE
