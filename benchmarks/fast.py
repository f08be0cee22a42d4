"""Time to 99.0 % on MNIST's test digits: `shuzi train fast` against a textbook's network, in two loops.

    python benchmarks/fast.py [--seeds 5] [--epochs 8] [--skip-textbook]

The textbook's side is what everybody has read: two convolutions of 32 and 64, two dense layers, dropout, Adadelta
at 1.0 falling by 0.7 an epoch, batches of 64. Its loop takes every image by itself, from a PIL image through a
DataLoader. A careful person's loop is the same but for that: the set is one tensor, shifted and scaled once, and a
batch is cut from it by its shuffled indices. Both are tested after each epoch, and their clock, which runs in training
alone, stops at the first epoch that reaches 99.0 % (EPOCHS at most). Our side trains one recipe to its end, SEEDS
times; its seconds hold all but loading the images, and its accuracy is the mean over the seeds, tested once each.
"""

import argparse
import os
import platform
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from shuzi import load
from shuzi.train import recipes
from shuzi.train.fit import fit
from shuzi.train.settings import Settings
from shuzi.train.torch_loop import Training

GOAL = 0.990


class PerSample(torch.utils.data.Dataset):
    """One image after another: an array to a PIL image to a tensor, shifted and scaled to the set's mean and spread."""

    def __init__(self, digits):
        self.digits = digits

    def __len__(self):
        return len(self.digits)

    def __getitem__(self, index):
        image = Image.fromarray(self.digits.images[index])
        tensor = torch.from_numpy(np.array(image, copy=True)).unsqueeze(0).float().div(255)
        return tensor.sub(0.1307).div(0.3081), int(self.digits.labels[index])


def textbook() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


def one_by_one(digits, batch_size, shuffle):
    return torch.utils.data.DataLoader(PerSample(digits), batch_size=batch_size, shuffle=shuffle)


class OneTensor:
    """The set as one tensor; a batch is cut from it."""

    def __init__(self, digits, batch_size, shuffle):
        self.images = torch.from_numpy(digits.images).unsqueeze(1).float().div(255).sub(0.1307).div(0.3081)
        self.labels = torch.from_numpy(digits.labels).long()
        self.batch_size, self.shuffle = batch_size, shuffle

    def __iter__(self):
        count = len(self.labels)
        order = torch.randperm(count) if self.shuffle else torch.arange(count)
        return ((self.images[chosen], self.labels[chosen]) for chosen in order.split(self.batch_size))


LOOPS = {"a textbook's loop": one_by_one, "a careful person's": OneTensor}


def textbook_seconds(train, test, epochs, loop):
    """Give the seconds of training to the goal and the accuracy then; after `epochs` whatever it is."""
    torch.manual_seed(0)
    model = textbook()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.7)
    train_loader, test_loader = LOOPS[loop](train, 64, True), LOOPS[loop](test, 1000, False)
    seconds = 0.0
    for epoch in range(1, epochs + 1):
        model.train()
        started = time.perf_counter()
        for images, labels in train_loader:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
        schedule.step()
        seconds += time.perf_counter() - started
        model.eval()
        with torch.no_grad():
            right = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in test_loader)
        accuracy = right / len(test)
        print(f"{loop}, epoch {epoch}: {seconds:7.1f} s  {accuracy:.2%}", flush=True)
        if accuracy >= GOAL:
            break
    return seconds, accuracy


def fast_seconds(train, test, seed):
    """Give the seconds of the recipe's whole training and its accuracy."""
    recipe, device = recipes.recipe("fast"), torch.device("cpu")
    started = time.perf_counter()
    settings = Settings(recipe.epochs, recipe.batch_size, recipe.lr, seed)
    training = Training(recipe, settings, device)
    for _ in fit(training, train):
        pass
    seconds = time.perf_counter() - started
    right, count = training.count_correct(test)
    return seconds, right / count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8, help="the most that the textbook gets")
    parser.add_argument("--skip-textbook", action="store_true")
    options = parser.parse_args()
    train, test = load("mnist")
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )
    runs = []
    for seed in range(options.seeds):
        runs.append(fast_seconds(train, test, seed))
        print(f"fast, seed {seed}: {runs[-1][0]:7.2f} s  {runs[-1][1]:.2%}", flush=True)
    seconds = statistics.mean(run[0] for run in runs)
    accuracy = statistics.mean(run[1] for run in runs)
    print(f"fast, mean of {len(runs)}: {seconds:.2f} s  {accuracy:.3%}")
    if not options.skip_textbook:
        for loop in LOOPS:
            slow, reached = textbook_seconds(train, test, options.epochs, loop)
            print(f"{loop}: {slow:.1f} s to {reached:.2%}; fast is {slow / seconds:.0f} times as fast")


if __name__ == "__main__":
    main()
