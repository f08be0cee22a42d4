"""How many threads a step is worth."""

import pytest
import torch
from torch import nn

from shuzi.train import threads
from shuzi.train.recipes import RECIPES
from shuzi.train.settings import Settings
from shuzi.train.torch_loop import Training


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def build(name):
    return RECIPES[name].build(torch.Generator())


def test_multiplications_are_those_of_an_images_forward_pass():
    assert threads.multiplications(build("softmax")) == 7840
    assert threads.multiplications(build("softmax-tensors")) == 7850
    two_layers = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 13 * 13, 11))
    assert threads.multiplications(two_layers) == 9 * 4 * 13 * 13 + 4 * 13 * 13 * 11
    assert round(threads.multiplications(build("fast")) / 1e6, 1) == 1.0  # as its docstring has it
    assert threads.multiplications(nn.Sequential(nn.Linear(3, 3))) == float("inf")


def test_counting_them_changes_nothing_of_a_model():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Dropout(), nn.Linear(784, 10))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    threads.multiplications(model)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert model.training
    assert not any(layer._forward_hooks for layer in model.modules())


def test_threads_are_chosen_by_the_work_and_put_back(two_threads):
    assert {
        threads.threads_for(build(name), RECIPES[name].batch_size) for name in ("softmax", "softmax-tensors", "fast")
    } == {1}
    assert threads.threads_for(build("best"), 256) == threads.threads_for(build("fast"), 2000) == 2
    finder = Training(RECIPES["finder"], Settings(1, 4, 1e-3), torch.device("cpu"))
    assert finder.threads == 2  # its images are larger than 28x28
    with threads.threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
