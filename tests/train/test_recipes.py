import dataclasses

import numpy as np
import pytest
import torch

import shuzi
from shuzi.train import models
from shuzi.train.fit import fit
from shuzi.train.recipes import one_cycle, recipe
from shuzi.train.settings import RENAMED_FIELDS, Settings
from shuzi.train.torch_loop import Training

CPU = torch.device("cpu")


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_shipped_network_keeps_to_its_size():
    assert 100_000 < count(models.reader()) <= 1_000_000


@pytest.mark.parametrize(("build", "outputs"), [(models.reader, 11), (models.fast, 10)])
def test_networks_give_logits_for_any_batch(build, outputs):
    model = build().eval()
    images = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    logits = model(images)
    assert logits.shape == (5, outputs)
    assert torch.allclose(model(images[:1]), logits[:1], atol=1e-4)


def test_the_fixed_layer_answers_evenly_to_writing(mnist):
    layer = models.Cosines()
    assert not list(layer.parameters())
    images = torch.from_numpy(mnist[0].images[:500]).unsqueeze(1).float() / 255
    answers = torch.nn.functional.conv2d(images, layer.weight[:8], layer.bias[:8], stride=2, padding=2)
    spread = answers.std((0, 2, 3))
    assert spread.max() / spread.min() < 2


def test_the_cycle_rises_to_its_peak_and_falls_to_nothing():
    values = np.array([one_cycle(done) for done in np.linspace(0, 1, 101)])
    assert 0 < values[0] < 0.05
    assert values.argmax() in (19, 20)
    assert values[-1] < 1e-6
    assert (np.diff(values[21:]) <= 0).all()


@pytest.mark.slow
def test_an_epoch_of_fast_reads_98_and_a_half_percent_of_held_out_digits(mnist):
    known = recipe("fast")
    training = Training(known, Settings(1, known.batch_size, known.lr), CPU)
    list(fit(training, mnist[0].part(0, 55_000)))
    right, count = training.count_correct(mnist[0].part(55_000, 60_000))
    assert 0.985 < right / count < 1


@pytest.mark.slow
def test_best_learns_from_a_few_digits_what_is_a_digit_and_what_is_none(mnist):
    known = recipe("best")
    training = Training(known, Settings(2, 64, 3e-3), CPU)
    epochs = list(fit(training, mnist[0].part(0, 500)))
    assert epochs[-1].loss < epochs[0].loss
    images, labels = mnist[0].images[600:800], mnist[0].labels[600:800]
    with torch.no_grad():
        training.model.eval()
        logits = training.model(torch.from_numpy(images).unsqueeze(1).float() / 255)
        noise = training.model(torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    assert (logits[:, :10].argmax(1).numpy() == labels).mean() > 0.5
    assert (noise.argmax(1) == 10).float().mean() > 0.8


def test_an_old_name_is_answered_with_the_new_one(small):
    known = recipe("softmax")
    training = Training(known, Settings(1, 100, 0.1), CPU)
    for owner, old, new in [
        *((known, *names) for names in RENAMED_FIELDS.items()),
        (small[0], "joined", "concat"),
        (small[0], "by_label", "stratified_split"),
        (small[0], "transformed", "with_transform"),
        (training, "again", "start_second_cycle"),
        (training, "average", "ema_model"),
    ]:
        with pytest.raises(shuzi.ShuziError, match=f": {old} is now called {new}; use the new name"):
            getattr(owner, old)
        assert hasattr(owner, new)
        assert not hasattr(owner, old)
    with pytest.raises(shuzi.ShuziError, match="Recipe: made is now called batch_source"):
        dataclasses.replace(known, made=None)
    with pytest.raises(AttributeError, match="'Digits' object has no attribute 'image'"):
        small[0].image  # noqa: B018
