"""AlexNet: Krizhevsky, Sutskever and Hinton 2012, Fig. 2, its two towers as groups.

Departs from the paper: 227x227 pixels where it says 224x224, which do not give its 55x55 maps; the
halves of a grouped convolution were two GPUs; logits for the softmax. Its initial weights had a
standard deviation of 0.01 and biases of 0 and 1: both ports are given ours.
"""

from torch import Tensor, nn


class AlexNet2012(nn.Module):
    """(N, 3, 227, 227) -> logits (N, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, kernel_size=11, stride=4, padding=0, groups=1)
        self.relu1 = nn.ReLU()
        self.norm1 = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)  # alpha / 5: 1e-4
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.conv2 = nn.Conv2d(96, 256, kernel_size=5, stride=1, padding=2, groups=2)
        self.relu2 = nn.ReLU()
        self.norm2 = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.conv3 = nn.Conv2d(256, 384, kernel_size=3, stride=1, padding=1, groups=1)
        self.relu3 = nn.ReLU()
        self.conv4 = nn.Conv2d(384, 384, kernel_size=3, stride=1, padding=1, groups=2)
        self.relu4 = nn.ReLU()
        self.conv5 = nn.Conv2d(384, 256, kernel_size=3, stride=1, padding=1, groups=2)
        self.relu5 = nn.ReLU()
        self.pool5 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.flatten = nn.Flatten()
        self.fc6 = nn.Linear(9216, 4096)
        self.relu6 = nn.ReLU()
        self.dropout6 = nn.Dropout(0.5)
        self.fc7 = nn.Linear(4096, 4096)
        self.relu7 = nn.ReLU()
        self.dropout7 = nn.Dropout(0.5)
        self.fc8 = nn.Linear(4096, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # (N, 96, 55, 55)
        x = self.relu1(x)
        x = self.norm1(x)
        x = self.pool1(x)  # (N, 96, 27, 27)
        x = self.conv2(x)  # (N, 256, 27, 27)
        x = self.relu2(x)
        x = self.norm2(x)
        x = self.pool2(x)  # (N, 256, 13, 13)
        x = self.conv3(x)  # (N, 384, 13, 13), each map from both halves
        x = self.relu3(x)
        x = self.conv4(x)  # (N, 384, 13, 13)
        x = self.relu4(x)
        x = self.conv5(x)  # (N, 256, 13, 13)
        x = self.relu5(x)
        x = self.pool5(x)  # (N, 256, 6, 6)
        x = self.flatten(x)  # (N, 9216), a channel's 36 places side by side
        x = self.fc6(x)  # (N, 4096)
        x = self.relu6(x)
        x = self.dropout6(x)
        x = self.fc7(x)  # (N, 4096)
        x = self.relu7(x)
        x = self.dropout7(x)
        return self.fc8(x)  # (N, 1000)
