"""The loop: generic over models, repeatable, and fair in what it reports."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from torch import nn

from shuzi.data.digits import Digits
from shuzi.errors import ShuziError
from shuzi.train import torch_loop as loop
from shuzi.train.device import pick_device
from shuzi.train.fit import fit, load_state
from shuzi.train.recipe import Recipe
from shuzi.train.recipes import RECIPES, adamw, one_cycle
from shuzi.train.settings import CURVE_POINTS, Settings
from shuzi.train.torch_loop import Training

CPU = torch.device("cpu")


def network(generator):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(4 * 13 * 13, 11),
    )  # fmt: skip


def noisy(images, generator):
    return images + 0.1 * torch.randn(images.shape, generator=generator)


# everything a recipe may hold: random start, dropout, running statistics, two moments, schedule, noise, averages
EVERYTHING = Recipe(
    summary="all that has a state", build=network, epochs=4, batch_size=64, lr=3e-3, optimizer=adamw,
    schedule=one_cycle, augment=noisy, label_smoothing=0.05, ema_decay=0.9, bfloat16=True, channels_last=True,
)  # fmt: skip


def weights(training):
    return {name: value.clone() for name, value in training.result.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def extended(written, generator):
    return Digits(
        np.concatenate([written.images, written.images[generator.permutation(len(written))[:100]]]),
        np.concatenate([written.labels, np.full(100, 0, np.uint8)]), "extended",
    )  # fmt: skip


GPUS = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
DEVICES = [CPU, *(torch.device(name) for name, there in GPUS.items() if there)]

# taken up after 2 epochs of 4: before the second cycle begins, as it begins, and within it
CYCLES = [dataclasses.replace(EVERYTHING, second_cycle_at=share, extend=extended) for share in (0.75, 0.5, 0.25)]


@pytest.mark.parametrize("recipe", [RECIPES["softmax"], RECIPES["softmax-tensors"], EVERYTHING, *CYCLES])
def test_a_training_taken_up_from_its_state_ends_with_the_very_same_weights(small, recipe):
    settings = Settings(4, 144, recipe.lr, seed=3)
    straight = Training(recipe, settings, CPU)
    list(fit(straight, small[0]))

    torch.manual_seed(1)
    begun = Training(recipe, settings, CPU)
    epochs = fit(begun, small[0])
    next(epochs), next(epochs)
    saved = save({name: value.contiguous() for name, value in begun.state().items()})
    torch.manual_seed(2)  # another process: nothing of the global generator is left
    taken_up = Training(recipe, settings, CPU)
    taken_up.restore(load(saved))
    assert [epoch.epoch for epoch in fit(taken_up, small[0])] == [3, 4]
    assert same(weights(taken_up), weights(straight))
    assert same(taken_up.state(), straight.state())


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in ("best", "tuned", "finder") else ()) for name in RECIPES],
)
@pytest.mark.usefixtures("few_writers")
def test_every_recipe_taken_up_within_an_epoch_ends_with_the_very_same_weights(mnist, name, device):
    recipe, digits = RECIPES[name], mnist[0].part(0, {"best": 300, "tuned": 600}.get(name, 1500))
    settings = Settings(2, recipe.batch_size, recipe.lr)
    if recipe.batch_source is not None:  # its whole epoch takes minutes
        recipe, settings = dataclasses.replace(recipe, steps_per_epoch=5), Settings(2, 4, recipe.lr)
    straight = Training(recipe, settings, device)
    epochs = list(fit(straight, digits))

    begun = Training(recipe, settings, device)
    pauses = fit(begun, digits, pause=0)
    while (begun.epoch, begun.step) < (1, 3):
        next(pauses)
    saved = save({key: value.contiguous() for key, value in begun.state().items()})
    taken_up = Training(recipe, settings, device)
    taken_up.restore(load(saved))
    assert (taken_up.epoch, taken_up.step) == (1, 3)
    (last,) = fit(taken_up, digits)
    assert same(weights(taken_up), weights(straight))
    assert (last.loss, last.accuracy, last.curve) == (epochs[1].loss, epochs[1].accuracy, epochs[1].curve)


def counted(digits, batch_size, seed, first):
    """Batches that are made on the way: images of one grey, which is what is to be told of them."""
    for number in itertools.count(first):
        grey = torch.rand(batch_size, generator=torch.Generator().manual_seed(seed + number))
        yield grey.view(-1, 1, 1, 1).expand(-1, 1, 6, 9), (grey, torch.ones(batch_size))


def squared(outputs, targets):
    grey, weight = targets
    return ((outputs[:, 0] - grey).square() * weight).mean()


MADE = Recipe(
    summary="makes its own batches", epochs=3, batch_size=16, lr=0.05, optimizer=adamw, loss=squared,
    batch_source=counted, steps_per_epoch=20, second_cycle_at=0.5,
    build=lambda generator: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 1)),
    count_correct=lambda model, *_: (int((model(torch.full((4, 1, 2, 2), 0.5)) - 0.5).abs().max() < 0.2), 1),
)  # fmt: skip


def test_a_recipe_may_make_its_own_batches_and_have_its_own_loss_and_judge(small):
    settings = Settings(3, 16, 0.05, seed=5)
    straight = Training(MADE, settings, CPU)
    first, _, last = fit(straight, small[0], small[1])
    assert last.loss < first.loss / 2
    assert (first.accuracy, last.validation_accuracy, len(last.curve)) == (None, 1.0, 20)
    for epoch, step in ((0, 7), (2, 1)):
        begun, taken_up = (Training(MADE, settings, CPU) for _ in range(2))
        pauses = fit(begun, small[0], pause=0)
        while (begun.epoch, begun.step) < (epoch, step):
            next(pauses)
        taken_up.restore(begun.state())
        assert list(fit(taken_up, small[0], small[1]))[-1].loss == last.loss
        assert same(weights(taken_up), weights(straight))


@pytest.mark.parametrize("recipe", [RECIPES["softmax"], EVERYTHING])
def test_the_weights_depend_on_the_seed_and_on_no_global_generator(small, recipe):
    def trained(seed, noise):
        torch.manual_seed(noise)
        np.random.seed(noise)
        training = Training(recipe, Settings(1, 64, recipe.lr, seed), CPU)
        list(fit(training, small[0]))
        return weights(training)

    assert same(trained(1, noise=0), trained(1, noise=9))
    assert not same(trained(1, noise=0), trained(2, noise=0))


@pytest.mark.parametrize("schedule", [None, one_cycle])
def test_a_second_cycle_is_a_training_of_its_own_from_the_weights_kept(small, schedule):
    whole = dataclasses.replace(
        RECIPES["softmax"], second_cycle_at=0.6, schedule=schedule, ema_decay=0.9, extend=extended
    )
    both = Training(whole, Settings(5, 64, 0.1, seed=3), CPU)
    list(fit(both, small[0]))

    once = dataclasses.replace(whole, second_cycle_at=None)
    first = Training(once, Settings(3, 64, 0.1, seed=3), CPU)
    list(fit(first, small[0]))
    second = Training(once, Settings(2, 64, 0.05, seed=2**63 - 4), CPU)
    second.begin(first.result.state_dict())
    list(fit(second, small[0]))
    assert same(weights(both), weights(second))


def test_training_leaves_the_global_generator_alone(small):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    list(fit(Training(EVERYTHING, Settings(1, 64, 1e-3), CPU), small[0]))
    assert torch.equal(torch.rand(1), expected)


def test_every_recipe_learns_with_the_loop_as_it_is(small):
    training = Training(EVERYTHING, Settings(4, 64, 3e-3), CPU)
    losses = [epoch.loss for epoch in fit(training, small[0])]
    assert losses[-1] < losses[0] / 2


def test_an_epochs_loss_is_the_mean_over_images_though_the_last_batch_is_smaller(small):
    training = Training(RECIPES["softmax"], Settings(1, 300, 1e-12), CPU)  # 300, 300, 300, 100
    before = loop.predict(training.model, small[0], CPU)
    labels = torch.from_numpy(small[0].labels).long()
    (epoch,) = fit(training, small[0])
    assert epoch.loss == pytest.approx(F.cross_entropy(before, labels).item(), rel=1e-5)
    assert epoch.accuracy == int((before.argmax(dim=1) == labels).sum()) / 1000


def test_an_epochs_curve_has_the_loss_of_each_part_of_it(small):
    (epoch,) = fit(Training(RECIPES["softmax"], Settings(1, 10, 0.1), CPU), small[0])
    assert len(epoch.curve) == CURVE_POINTS
    assert np.mean(epoch.curve) == pytest.approx(epoch.loss)
    assert epoch.curve[-1] < epoch.curve[0]
    (short,) = fit(Training(RECIPES["softmax"], Settings(1, 300, 0.1), CPU), small[0])
    assert len(short.curve) == 4


def test_each_step_is_told_with_the_images_done(small):
    told = []
    training = Training(RECIPES["softmax"], Settings(2, 300, 0.1), CPU)
    list(fit(training, small[0], on_step=lambda done, images, loss: told.append((done, images, loss.requires_grad))))
    assert told == [(done, 1000, False) for done in (300, 600, 900, 1000)] * 2


def test_no_test_image_goes_unscored(mnist):
    logits = loop.predict(RECIPES["softmax"].build(torch.Generator()), mnist[1].part(0, 2501), CPU)
    assert logits.shape == (2501, 10)


def test_a_model_is_judged_as_it_will_be_used(small):
    training = Training(EVERYTHING, Settings(1, 64, 1e-3), CPU)
    list(fit(training, small[0]))
    first, second = (loop.predict(training.result, small[1], CPU) for _ in range(2))
    assert torch.equal(first, second)  # no dropout, no statistics of the batch
    alone = loop.predict(training.result, small[1].part(7, 8), CPU)
    assert torch.allclose(alone, first[7:8], atol=1e-5)


def test_accuracy_is_the_share_whose_largest_logit_is_the_labels(small):
    class Oracle(nn.Linear):
        def forward(self, images):
            return F.one_hot(torch.from_numpy(small[1].labels).long(), 10).float()

    recipe = dataclasses.replace(RECIPES["softmax"], build=lambda generator: Oracle(784, 10))
    training = Training(recipe, Settings(1, 100, 0.1), CPU)
    assert training.count_correct(small[1]) == (200, 200)
    wrong = Digits(small[1].images, (small[1].labels + 1) % 10)
    assert training.count_correct(wrong) == (0, 200)


def test_validation_is_measured_after_each_epoch_and_changes_no_weight(small):
    alone, watched = (Training(EVERYTHING, Settings(2, 64, 1e-3), CPU) for _ in range(2))
    list(fit(alone, small[0]))
    accuracies = [epoch.validation_accuracy for epoch in fit(watched, small[0], small[1])]
    assert same(weights(alone), weights(watched))
    assert len(accuracies) == 2
    assert accuracies[-1] == watched.count_correct(small[1])[0] / 200


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": 0}, "--epochs 0: training takes 1 epoch or more"),
        ({"batch_size": 0}, "--batch-size 0: a batch holds 1 image or more"),
        ({"lr": float("nan")}, "--lr nan"),
        ({"lr": float("inf")}, "--lr inf"),
        ({"lr": 0.0}, "--lr 0.0"),
        ({"lr": -1.0}, "--lr -1.0"),
        ({"lr": 3.5e38}, "--lr 3.5e+38: the learning rate is a number above 0, at most 1e+38"),
        ({"seed": -1}, "--seed -1"),
        ({"seed": 2**63}, "--seed 9223372036854775808"),
        ({"validation": -1}, "--validation -1"),
        ({"epochs": 1.5}, "--epochs 1.5: expected a whole number"),
        ({"epochs": "a"}, "--epochs 'a': expected a whole number"),
        ({"batch_size": True}, "--batch-size True: expected a whole number"),
        ({"seed": None}, "--seed None: expected a whole number"),
        ({"validation": 0.2}, "--validation 0.2: expected a whole number"),
        ({"lr": "0.1"}, "--lr '0.1': expected a number"),
    ],
)
def test_settings_out_of_range_are_refused_by_their_option(change, words):
    with pytest.raises(ShuziError) as raised:
        dataclasses.replace(Settings(1, 100, 0.1), **change)
    assert words in str(raised.value)


def test_settings_may_be_numbers_of_numpy():
    settings = Settings(np.int64(2), np.uint8(100), np.float32(0.5))
    assert settings == Settings(2, 100, 0.5)
    assert {type(value) for value in dataclasses.asdict(settings).values()} == {int, float}


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_every_seed_in_range_can_be_used(small, seed):
    list(fit(Training(EVERYTHING, Settings(1, 500, 1e-3, seed), CPU), small[0]))


def test_a_batch_larger_than_the_set_is_refused(small):
    training = Training(RECIPES["softmax"], Settings(1, 1001, 0.1), CPU)
    with pytest.raises(ShuziError, match="--batch-size 1001: larger than the 1,000 training images"):
        next(fit(training, small[0]))


def test_a_batch_as_large_as_the_set_is_one_step(small):
    (epoch,) = fit(Training(RECIPES["softmax"], Settings(1, 1000, 0.1), CPU), small[0])
    assert len(epoch.curve) == 1


def test_a_loss_that_is_no_number_ends_training_with_advice(small):
    training = Training(RECIPES["softmax"], Settings(3, 100, 1e38), CPU)
    with pytest.raises(ShuziError, match="train with a smaller --lr than 1e\\+38"):
        list(fit(training, small[0]))


@pytest.mark.parametrize("name", ["nonsense", "cuda:99", "meta", "", "xpu", "CPU"])
def test_a_device_that_isnt_there_is_refused(name):
    with pytest.raises(ShuziError, match=f"--device {name}: not usable .* there is .*cpu"):
        pick_device(name)


def test_auto_picks_a_device_that_can_compute():
    device = pick_device("auto")
    assert torch.ones(2, device=device).sum().item() == 2
    assert pick_device("cpu") == CPU


def test_another_models_weights_are_refused_by_the_first_name_that_differs():
    model = RECIPES["softmax"].build(torch.Generator())
    state = model.state_dict()
    for tensors, words in [
        ({}, "linear.weight is not there, expected float32 of shape (10, 784)"),
        (state | {"linear.weight": torch.zeros(784, 10)}, "is float32 of shape (784, 10), expected float32 of"),
        (state | {"more": torch.zeros(1)}, "more is float32 of shape (1,), expected not there"),
        (state | {"linear.bias": torch.zeros(10).to(torch.float8_e4m3fn)}, "linear.bias is float8_e4m3fn of"),
        (state | {"linear.bias": torch.full((10,), torch.nan)}, "linear.bias holds values that are not finite"),
    ]:
        with pytest.raises(ShuziError) as raised:
            load_state(model.state_dict(), tensors, torch.isfinite)
        assert words in str(raised.value)
    assert same(model.state_dict(), state)


def test_a_cpu_without_bfloat16_computes_in_float32():
    """Imitated, a step of `best` takes six times as long."""
    seen = set()

    class Watched(torch.nn.Linear):
        def forward(self, images):
            seen.add(torch.is_autocast_enabled("cpu"))
            return super().forward(images.flatten(1))

    recipe = dataclasses.replace(RECIPES["fast"], build=lambda generator: Watched(784, 10), extend=None)
    digits = Digits(np.zeros((64, 28, 28), np.uint8), np.zeros(64, np.uint8))
    list(fit(Training(recipe, Settings(1, 64, 1e-3), CPU), digits))
    assert (True in seen) == torch.ops.mkldnn._is_mkldnn_bf16_supported()
