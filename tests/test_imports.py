"""What may import what."""

import ast
import functools
import graphlib
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "shuzi"
FILES = {
    ".".join(("shuzi", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
ARROWS = {
    "__init__": {"batch", "data", "errors", "read", "train"},  # when a public name is asked for
    "__main__": {"cli"},
    "cli": {
        "batch",
        "data",
        "errors",
        "evaluate",
        "files",
        "forms",
        "learn",
        "page",
        "read",
        "scores",
        "serve",
        "show",
        "train",
    },
    "show": {"data", "errors", "evaluate", "files", "train"},  # its pictures are of runs
    "serve": {
        "cores",
        "batch",
        "data",
        "display",
        "errors",
        "files",
        "forms",
        "network",
        "page",
        "read",
        "softmax",
        "train",
    },
    "train": {
        "cores",
        "data",
        "display",
        "errors",
        "evaluate",
        "files",
        "maps",
        "network",
        "page",
        "read",
        "scores",
        "softmax",
        "synth",
        "version",
    },
    "evaluate": {"data", "display", "errors", "forms", "page", "read", "scores", "synth"},
    "synth": {"data", "errors", "page"},
    "batch": {"cores", "arrow", "data", "errors", "files", "forms", "page", "read"},
    "read": {"cores", "arrow", "data", "errors", "forms", "maps", "network", "page", "scores", "softmax"},
    "softmax": {"errors"},
    "arrow": {"data", "errors", "page"},
    "forms": {"data", "errors", "files", "page"},
    "network": {"errors", "files"},
    "data": {"display", "errors", "files"},
    "files": {"errors"},
    "display": set(),
    "learn": {"errors", "files"},
    "cores": set(),
    "errors": set(),
    "sklearn": {"errors", "softmax"},
    "version": set(),
    "maps": {"page"},
    "page": {"display", "errors", "scores", "table"},
    "scores": set(),
    "table": set(),
}
SMALL = {"cores", "errors", "files", "display", "maps", "network", "page", "scores", "table", "version"}
TORCH_FREE = (
    "arrow",
    "batch",
    "data",
    "display",
    "forms",
    "network",
    "read",
    "serve",
    "evaluate",
    "synth",
    "maps",
    "page",
    "cores",
    "errors",
    "files",
    "cli",
    "sklearn",
    "version",
    "__init__",
)
TORCH = ("torch", "onnxscript")


def part(module: str) -> str:
    """The folder or file right below shuzi that a module belongs to."""
    return [*module.split("."), "__init__"][1]


@functools.cache
def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text())


@functools.cache
def imports(path: Path, inner: bool = True, types: bool = False) -> list[str]:
    """Every module that a file imports: within functions too, and for type checking alone, if so asked."""
    found, pending = [], [parsed(path)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING" and not types:
            continue
        if isinstance(node, ast.FunctionDef) and not inner:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.append(full if full in FILES else str(node.module))
        pending.extend(ast.iter_child_nodes(node))
    return found


def test_imports_follow_the_arrows():
    for module, path in FILES.items():
        for imported in imports(path):
            if imported.startswith("shuzi.") and part(imported) != part(module):
                assert part(imported) in ARROWS[part(module)], f"{module} imports {imported}"


def test_contributing_tells_the_arrows():
    told = {}
    for row in re.findall(r"^\| `shuzi/.*", (PACKAGE.parent / "CONTRIBUTING.md").read_text(), re.M):
        name, _, to = row.strip("|").split("|")
        told[re.search(r"shuzi/(\w+)", name)[1]] = set(re.findall(r"`(\w+)`", to))
    assert told.pop("cli") == set()  # all
    assert told == {name: to - SMALL for name, to in ARROWS.items() if name in told}
    assert ARROWS.keys() - told.keys() == {"__init__", "__main__", "cli", *SMALL}


def test_the_arrows_make_no_circle():
    list(graphlib.TopologicalSorter({name: to - {name} for name, to in ARROWS.items()}).static_order())


def test_no_module_imports_itself_by_a_detour():
    """Not even for type checking, nor by way of the public names in shuzi/__init__.py."""
    graph = {
        module: {each for each in imports(path, types=True) if each in FILES and each != module}
        for module, path in FILES.items()
    }
    list(graphlib.TopologicalSorter(graph).static_order())


def test_every_folder_has_its_arrows():
    assert {part(module) for module in FILES} == ARROWS.keys()


def test_torch_is_imported_for_training_alone():
    for module, path in FILES.items():
        if part(module) in TORCH_FREE:
            found = {each for each in imports(path) if each.split(".")[0] in TORCH}
            # Digits.batches gives tensors, and imports torch when it is called
            assert found == ({"torch"} if module == "shuzi.data.digits" else set()), module
            assert not [each for each in imports(path, inner=False) if each.split(".")[0] in TORCH]


def test_onnxruntime_is_imported_by_way_of_runtime():
    for module, path in FILES.items():
        if {each.split(".")[0] for each in imports(path)} & {"onnxruntime"}:
            assert "runtime()" in path.read_text(), f"{module}: call shuzi.network.runtime() before the import"


def test_nothing_is_pickled():
    for module, path in FILES.items():
        assert not {"pickle", "shelve", "marshal", "joblib", "dill"} & set(imports(path)), module
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "torch":
                assert node.attr not in ("save", "load"), module
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.unparse(node.value) == "False", module


HEAVY = {"torch", "numpy", "cv2", "onnxruntime", "matplotlib", "PIL", "fastapi", "click", "rich", "requests"}


def test_importing_shuzi_imports_nothing_heavy(loaded_by):
    assert not HEAVY & loaded_by("import shuzi")


def test_loading_mnist_imports_numpy_and_no_torch(loaded_by):
    loaded = loaded_by("import shuzi; train, test = shuzi.load('mnist'); train[3]")
    assert loaded & HEAVY <= {"numpy", "cv2", "PIL", "onnxruntime"}
    assert "numpy" in loaded


@pytest.mark.parametrize("folder", ["data", "network", "forms", "read", "batch", "serve", "evaluate"])
def test_no_torch_free_part_loads_torch(folder, loaded_by):
    modules = [module for module in FILES if part(module) == folder]
    loaded = loaded_by(f"import {', '.join(modules)}")
    assert not loaded & {*TORCH, "matplotlib"}


def test_reading_loads_no_torch(loaded_by):
    script = "import numpy, shuzi; shuzi.Reader().read(numpy.full((60, 60), 255, numpy.uint8))"
    assert not loaded_by(script) & {*TORCH, "matplotlib", "onnx", "click", "requests"}
