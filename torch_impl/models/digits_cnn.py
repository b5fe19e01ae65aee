"""One convolution with batch norm on the 8x8 digits; probabilities, for binary cross-entropy.

Batch norm's momentum is the share of the new value in PyTorch, and of the old one in Keras.
"""

from torch import Tensor, nn


class DigitsCNN(nn.Module):
    """(N, 1, 8, 8) -> probabilities (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 16, kernel_size=5, stride=1, padding=2)
        self.bn = nn.BatchNorm2d(16, eps=1e-5, momentum=0.1)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(256, 10)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)  # (N, 16, 8, 8)
        x = self.bn(x)
        x = self.relu(x)
        x = self.pool(x)  # (N, 16, 4, 4)
        x = self.flatten(x)  # (N, 256), a channel's 16 places side by side
        x = self.fc(x)  # (N, 10)
        return self.softmax(x)
