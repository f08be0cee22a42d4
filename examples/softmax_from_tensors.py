"""Softmax regression on MNIST from plain tensors: load, train one epoch, test, draw the templates."""

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from rich.progress import track

import shuzi

torch.manual_seed(0)
mnist_train, mnist_test = shuzi.load("mnist")
train_loader = torch.utils.data.DataLoader(mnist_train, batch_size=100, shuffle=True)
test_loader = torch.utils.data.DataLoader(mnist_test, batch_size=100, shuffle=False)

# The parameters to learn: a template for each digit, and a bias.
W = (torch.randn(784, 10) / 784**0.5).requires_grad_()
b = torch.zeros(10, requires_grad=True)
optimizer = torch.optim.SGD([W, b], lr=0.1)

for images, labels in track(train_loader, "training"):
    optimizer.zero_grad()  # gradients would add up otherwise
    x = images.view(-1, 784)  # (100, 1, 28, 28) -> (100, 784)
    z = x @ W + b  # logits, (100, 10)
    loss = F.cross_entropy(z, labels)  # takes logits: softmax is inside it
    loss.backward()
    optimizer.step()

correct = 0
with torch.no_grad():
    for images, labels in track(test_loader, "testing"):
        z = images.view(-1, 784) @ W + b
        correct += (z.argmax(dim=1) == labels).sum().item()
print(f"test accuracy: {correct / len(mnist_test):.4f}")

figure, axes = plt.subplots(1, 10, figsize=(20, 2))
limit = W.detach().abs().max()
for digit in range(10):
    template = W[:, digit].detach().view(28, 28)
    axes[digit].imshow(template, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes[digit].axis("off")
figure.savefig("templates.png")
