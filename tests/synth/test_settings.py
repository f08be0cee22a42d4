"""The settings of synthetic writing: the table holds what the drawing modules ask for, and nothing else."""

import ast
from pathlib import Path

import numpy as np

from shuzi import synth
from shuzi.synth.distributions import settings
from shuzi.synth.tables import table

MODULES = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(synth.__file__).parent.glob("*.py")]


def section_of(node):
    """The section that an expression loads, if it does."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "settings":
        return node.args[0].value
    return None


def pairs(assignment):
    """What an assignment binds: each name with its value."""
    targets, value = assignment.targets[0], assignment.value
    if isinstance(targets, ast.Tuple) and isinstance(value, ast.Tuple):
        return zip(targets.elts, value.elts, strict=True)
    return [(targets, value)]


def asked_for(module):
    """Each setting that a module asks for: section and name."""
    bound = [pair for node in module.body if isinstance(node, ast.Assign) for pair in pairs(node)]
    sections = {target.id: section_of(value) for target, value in bound if section_of(value)}
    for scope in module.body:
        inner = [pair for node in ast.walk(scope) if isinstance(node, ast.Assign) for pair in pairs(node)]
        known = {t.id: sections[v.id] for t, v in inner if isinstance(v, ast.Name) and v.id in sections} | sections
        for node in ast.walk(scope):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
                yield known[node.value.id], node.attr


def test_each_setting_is_asked_for_and_none_is_missing():
    asked = {each for module in MODULES for each in asked_for(module)}
    spaces = {("spacing", name) for name in settings("spacing").kind.shares}  # asked for by the kind that was drawn
    assert asked | spaces == {(section, name) for section, values in table("settings").items() for name in values}


def test_a_setting_is_a_distribution_or_a_number():
    g = np.random.default_rng(0)
    s = settings("field_strip")
    assert all(13 <= s.height.draw(g) <= 56 for _ in range(50))
    assert {s.what.draw(g) for _ in range(200)} == {"number", "word", "scrawl"}
    assert {s.rule_width.draw(g) for _ in range(200)} == {0.6, 1, 2, 3}
    assert s.end == 250
