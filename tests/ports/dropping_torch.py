"""The net that drops, in PyTorch."""

from torch import nn


class Dropping(nn.Module):
    def __init__(self, keep1=0.9, rate1=0.25):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3)
        self.bn1 = nn.BatchNorm2d(4, eps=1e-5, momentum=1 - keep1)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(4, 4, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(4, eps=1e-3, momentum=0.25)
        self.relu2 = nn.ReLU()
        self.drop1 = nn.Dropout(rate1)
        self.pool = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.drop2 = nn.Dropout(0.5)
        self.fc = nn.Linear(24, 5)

    def forward(self, x):
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x)))
        x = self.drop1(x)
        return self.fc(self.drop2(self.flatten(self.pool(x))))


class ForgetsFaster(Dropping):
    def __init__(self):
        super().__init__(keep1=0.89)


class DropsMore(Dropping):
    def __init__(self):
        super().__init__(rate1=0.3)


class FrozenNorm(Dropping):
    """bn2 stays in evaluation mode."""

    def train(self, mode=True):
        super().train(mode)
        self.bn2.eval()
        return self


class BiasedNorm(nn.BatchNorm2d):
    """It keeps the biased running variance, as Keras does."""

    def forward(self, x):
        before = self.running_var.clone()
        y = super().forward(x)
        if self.training:
            n, old = x.numel() // x.shape[1], (1 - self.momentum) * before
            biased = old + (self.running_var - old) * (n - 1) / n
            self.running_var.data.copy_(biased)  # .data: the way back reads it no more
        return y


class OtherVariance(Dropping):
    def __init__(self):
        super().__init__()
        self.bn1 = BiasedNorm(4, eps=1e-5, momentum=0.1)


class DropsOnItsOwn(Dropping):
    """A mask that no other framework can know."""

    def forward(self, x):
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x)))
        x = nn.functional.dropout(self.drop1(x), 0.25, self.training)
        return self.fc(self.drop2(self.flatten(self.pool(x))))
