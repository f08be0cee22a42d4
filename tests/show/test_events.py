"""Events for TensorBoard: what it would show is what metrics.csv has."""

import numpy as np
import pytest

from shuzi.train import runs
from shuzi.train.run_folder import read_run

pytest.importorskip("tensorboard")


@pytest.mark.parametrize("recipe", ["softmax-numpy", "softmax"])
def test_events_are_the_figures_of_the_run(command, small_folder, tmp_path, recipe):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "run"
    args = ("--data", small_folder, "--epochs", 3, "--validation", 100, "--lr", 0.2)
    assert command("train", recipe, *args, "--out", folder, "--tensorboard").code == 0
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    metrics = read_run(folder).metrics

    def values(name):
        return [event.value for event in events.Scalars(name)]

    assert values("loss/training") == pytest.approx([epoch.loss for epoch in metrics])
    assert values("accuracy/training") == pytest.approx([epoch.accuracy for epoch in metrics])
    assert values("accuracy/validation") == pytest.approx([epoch.validation_accuracy for epoch in metrics])
    assert values("loss/curve") == pytest.approx([loss for epoch in metrics for loss in epoch.curve], abs=1e-5)
    assert np.allclose(values("learning rate"), 0.2)
    assert len(events.Images("templates")) == 3
    assert runs.evaluate_run(folder).evaluation.count == 200
