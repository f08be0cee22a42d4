"""The same softmax regression, the way PyTorch programs are written: a module that keeps its parameters."""

import torch
from rich.progress import track
from torch import nn

import shuzi


class SoftmaxRegression(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(784, 10)  # holds W and b, and registers them as parameters

    def forward(self, images):
        return self.linear(images.view(-1, 784))  # (m, 1, 28, 28) -> logits (m, 10)


torch.manual_seed(0)
mnist_train, mnist_test = shuzi.load("mnist")
train_loader = torch.utils.data.DataLoader(mnist_train, batch_size=100, shuffle=True)
test_loader = torch.utils.data.DataLoader(mnist_test, batch_size=100, shuffle=False)

model = SoftmaxRegression()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for images, labels in track(train_loader, "training"):
    optimizer.zero_grad()
    loss = criterion(model(images), labels)
    loss.backward()
    optimizer.step()

correct = 0
with torch.no_grad():
    for images, labels in track(test_loader, "testing"):
        correct += (model(images).argmax(dim=1) == labels).sum().item()
print(f"test accuracy: {correct / len(mnist_test):.4f}")
