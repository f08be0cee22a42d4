"""Softmax regression in numpy, held to the forms in torch: the same draws, the same gradient, the same weights."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from shuzi.errors import ShuziError
from shuzi.softmax import draws, equations, evidence
from shuzi.softmax import equations_torch as torch_form
from shuzi.train import runs, shipped
from shuzi.train.numpy_loop import SoftmaxTraining
from shuzi.train.plan import Plan, make_plan
from shuzi.train.settings import Settings


@pytest.mark.parametrize("seed", [0, 5, 2**32 + 7, 2**63 - 1])
def test_a_seed_draws_the_start_that_torch_draws(seed):
    W, b = draws.initial(draws.generator(seed))
    expected, _ = torch_form.initial(torch.Generator().manual_seed(seed))
    assert (W.dtype, W.shape, b.dtype, b.shape) == (np.float32, (784, 10), np.float32, (10,))
    assert np.allclose(W, expected, rtol=0, atol=1e-7)
    assert not b.any()


@pytest.mark.parametrize("seed", [0, 5, 2**32 + 7, 2**63 - 1])
@pytest.mark.parametrize("count", [1, 2, 1000, 60000])
def test_a_seed_draws_the_orders_that_torch_draws(seed, count):
    ours, theirs = draws.generator(seed), torch.Generator().manual_seed(seed)
    for _ in range(2):  # epochs
        assert draws.order(ours, count).tolist() == torch.randperm(count, generator=theirs).tolist()


def test_forward_loss_and_gradient_are_those_of_torch():
    generator = np.random.default_rng(0)
    x, labels = generator.random((32, 784)), generator.integers(0, 10, 32)
    W, b = generator.normal(size=(784, 10)), generator.normal(size=10)
    y = equations.logits(x, W, b)
    tensors = [torch.from_numpy(each) for each in (x, W, b, labels)]
    expected = torch_form.logits(*tensors[:3])
    assert np.allclose(y, expected)
    assert np.allclose(equations.softmax(y), torch_form.softmax(expected))
    assert equations.cross_entropy(y, labels) == pytest.approx(torch_form.cross_entropy(expected, tensors[3]).item())
    theirs = torch_form.gradient(tensors[0], expected, tensors[3])
    for ours, of_torch in zip(equations.gradient(x, y, labels), theirs, strict=True):
        assert np.allclose(ours, of_torch)


def test_nothing_overflows_for_large_logits():
    y = np.array([[1000.0, 0, -1000]], np.float32)
    assert equations.softmax(y).tolist() == [[1, 0, 0]]
    assert equations.cross_entropy(y, np.array([2])) == 2000


def test_the_recipes_of_softmax_regression_end_with_the_same_weights(command, tmp_path):
    """Each as a command on MNIST: the same start, the same order, so the same templates."""
    ended = {}
    for recipe in ("softmax-numpy", "softmax", "softmax-tensors"):
        told = command("train", recipe, "--seed", 3, "--device", "cpu", "--out", tmp_path / recipe, "--json").json
        assert 0.89 < told["test_accuracy"] < 0.92
        assert told["threads"] == 1
        assert ("torch" in told["versions"]) == (recipe != "softmax-numpy")
        weights = load_file(tmp_path / recipe / "weights.safetensors")
        ended[recipe] = [value if value.shape != (10, 784) else value.T for value in weights.values()]
    ours = ended.pop("softmax-numpy")
    assert sorted(value.shape for value in ours) == [(10,), (784, 10)]
    for others in ended.values():
        for value in ours:
            (other,) = [each for each in others if each.shape == value.shape]
            assert np.allclose(value, other, rtol=0, atol=1e-5)


def test_a_stopped_run_goes_on_to_the_weights_of_one_that_was_not(tmp_path, small_folder):
    plan = Plan("softmax-numpy", Settings(3, 64, 0.1, seed=4, validation=100), str(small_folder))
    straight = runs.train(plan, tmp_path / "straight")

    def stop(run):
        if len(run.metrics) == 2:
            raise KeyboardInterrupt

    with pytest.raises(ShuziError, match="epochs 1 to 2 are kept"):
        runs.train(plan, tmp_path / "stopped", listener=runs.Listener(epoch=stop))
    resumed = runs.resume(tmp_path / "stopped")
    assert [epoch.loss for epoch in resumed.metrics] == [epoch.loss for epoch in straight.metrics]
    one, other = ((run.folder / "weights.safetensors").read_bytes() for run in (straight, resumed))
    assert one == other


def test_a_run_may_begin_where_another_ended(tmp_path, small_folder):
    first = runs.train(make_plan("softmax-tensors", str(small_folder), device="cpu"), tmp_path / "first")
    plan = make_plan("softmax-numpy", str(small_folder), epochs=1, lr=1e-9, start=str(first.folder))
    further = runs.train(plan, tmp_path / "further")
    one, other = (load_file(run.folder / "weights.safetensors") for run in (first, further))
    assert np.allclose(one["W"], other["W"], atol=1e-6)


def test_a_run_is_evaluated_without_torch_as_with_it(tmp_path, small_folder, small):
    run = runs.train(make_plan("softmax-numpy", str(small_folder)), tmp_path / "run")
    tested = runs.evaluate_run(run.folder)
    assert isinstance(tested.training, SoftmaxTraining)
    assert tested.evaluation.accuracy == run.results.test_accuracy
    right, count = runs.load_in_torch(run, "cpu").count_correct(small[1])
    assert right / count == run.results.test_accuracy


@pytest.mark.slow
def test_training_evaluating_and_showing_it_load_no_torch(tmp_path, small_folder, loaded_by):
    run = tmp_path / "run"
    script = "import shuzi.cli.app\n" + "\n".join(
        f"shuzi.cli.app.app({args!r}, standalone_mode=False)"
        for args in (
            ["train", "softmax-numpy", "--data", str(small_folder), "--out", str(run)],
            ["train", "--data", str(small_folder), "--out", str(tmp_path / "default")],
            ["evaluate", str(run)],
        )
    )
    assert not loaded_by(script) & {"torch", "onnxscript", "matplotlib"}
    script = f"import shuzi.cli.app; shuzi.cli.app.app({['show', str(run)]!r}, standalone_mode=False)"
    assert not loaded_by(script) & {"torch", "onnxscript"}
    assert (run / "pictures" / "templates.png").is_file()


@pytest.mark.parametrize("recipe", ["softmax", "softmax-tensors", "softmax-numpy"])
def test_a_loss_that_grows_to_no_number_is_said(tmp_path, small_folder, recipe):
    plan = make_plan(recipe, str(small_folder), lr=1e38, device="cpu")
    with pytest.raises(ShuziError, match=r"smaller --lr than 1e\+38"):
        runs.train(plan, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_it_computes_on_the_cpu_alone(tmp_path, small_folder):
    with pytest.raises(ShuziError, match="--device cuda: softmax-numpy computes on the CPU"):
        runs.train(make_plan("softmax-numpy", str(small_folder), device="cuda"), tmp_path / "run")


def test_the_drawing_pages_softmax_regression_is_what_the_recipe_learns(mnist):
    learnt, page = shipped.softmax_regression(), evidence.SoftmaxReader()
    assert np.abs(learnt["W"] - page.W).max() < 1e-5  # another processor may round otherwise
    assert np.abs(learnt["b"] - page.b).max() < 1e-5
    right = page.scores(mnist[1].images).argmax(1) == mnist[1].labels
    assert right.sum() == pytest.approx(9028, abs=2)
