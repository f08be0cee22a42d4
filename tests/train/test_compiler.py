"""torch.compile's machinery stays out until it is asked for, and then works."""

import subprocess
import sys

SCRIPT = """
import sys, torch
from shuzi.train.compiler import Deferred, defer_compiler
defer_compiler()
model = torch.nn.Linear(3, 2)
optimizer = torch.optim.{optimizer}(model.parameters(), lr=0.1)
model(torch.ones(1, 3)).sum().backward()
optimizer.step()
optimizer.zero_grad()
assert isinstance(sys.modules["torch._dynamo"], Deferred), "imported without need"
assert not hasattr(sys.modules["torch._dynamo"], "__wrapped__")
if {compile}:
    compiled = torch.compile(model, backend="eager")
    assert torch.equal(compiled(torch.ones(1, 3)), model(torch.ones(1, 3)))
    assert not isinstance(sys.modules["torch._dynamo"], Deferred)
    assert sys.modules["torch._dynamo"] is torch._dynamo
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1, "was not compiled"
    optimizer.step()
"""


def run(optimizer, compiled):
    script = SCRIPT.format(optimizer=optimizer, compile=compiled)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_optimizer_steps_without_the_compiler():
    run("AdamW", compiled=False)


def test_torch_compile_works_after_it_was_deferred():
    run("SGD", compiled=True)
