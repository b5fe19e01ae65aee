"""AlexNet with one tower: Krizhevsky 2014, "One weird trick", as torchvision ships it.

Departs from the paper as torchvision does: conv4 has 256 channels, as in Krizhevsky's own code,
where the paper's footnote says 384; adaptive pooling, so that it reads other sizes than 224x224
too; and dropout before fc6 and fc7, where the network of 2012 has it behind them.
"""

from torch import Tensor, nn


class AlexNet(nn.Module):
    """(N, 3, 224, 224) -> logits (N, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.conv2 = nn.Conv2d(64, 192, kernel_size=5, stride=1, padding=2)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.conv3 = nn.Conv2d(192, 384, kernel_size=3, stride=1, padding=1)
        self.relu3 = nn.ReLU()
        self.conv4 = nn.Conv2d(384, 256, kernel_size=3, stride=1, padding=1)
        self.relu4 = nn.ReLU()
        self.conv5 = nn.Conv2d(256, 256, kernel_size=3, stride=1, padding=1)
        self.relu5 = nn.ReLU()
        self.pool5 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.flatten = nn.Flatten()
        self.dropout6 = nn.Dropout(0.5)
        self.fc6 = nn.Linear(9216, 4096)
        self.relu6 = nn.ReLU()
        self.dropout7 = nn.Dropout(0.5)
        self.fc7 = nn.Linear(4096, 4096)
        self.relu7 = nn.ReLU()
        self.fc8 = nn.Linear(4096, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # (N, 64, 55, 55)
        x = self.relu1(x)
        x = self.pool1(x)  # (N, 64, 27, 27)
        x = self.conv2(x)  # (N, 192, 27, 27)
        x = self.relu2(x)
        x = self.pool2(x)  # (N, 192, 13, 13)
        x = self.conv3(x)  # (N, 384, 13, 13)
        x = self.relu3(x)
        x = self.conv4(x)  # (N, 256, 13, 13)
        x = self.relu4(x)
        x = self.conv5(x)  # (N, 256, 13, 13)
        x = self.relu5(x)
        x = self.pool5(x)  # (N, 256, 6, 6)
        x = self.avgpool(x)  # (N, 256, 6, 6), whatever the image's size
        x = self.flatten(x)  # (N, 9216), a channel's 36 places side by side
        x = self.dropout6(x)
        x = self.fc6(x)  # (N, 4096)
        x = self.relu6(x)
        x = self.dropout7(x)
        x = self.fc7(x)  # (N, 4096)
        x = self.relu7(x)
        return self.fc8(x)  # (N, 1000)
