"""Two inputs, each through a VGG block of its own, joined before one dense layer.

Trained on the two halves of one image. The branches share no weights, and are not equally deep.
"""

from torch import Tensor, nn

from torch_impl.layers import Concat


class TwoBranch(nn.Module):
    """Two of (N, 1, 28, 14) -> logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.left1 = nn.Conv2d(1, 64, kernel_size=3, stride=1, padding=1)
        self.left_relu1 = nn.ReLU()
        self.left2 = nn.Conv2d(64, 64, kernel_size=3, stride=1, padding=1)
        self.left_relu2 = nn.ReLU()
        self.left_pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.right1 = nn.Conv2d(1, 64, kernel_size=3, stride=1, padding=1)
        self.right_relu1 = nn.ReLU()
        self.right2 = nn.Conv2d(64, 64, kernel_size=3, stride=1, padding=1)
        self.right_relu2 = nn.ReLU()
        self.right3 = nn.Conv2d(64, 64, kernel_size=3, stride=1, padding=1)
        self.right_relu3 = nn.ReLU()
        self.right_pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.join = Concat()
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(12544, 10)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        a = self.left1(left)  # (N, 64, 28, 14)
        a = self.left_relu1(a)
        a = self.left2(a)  # (N, 64, 28, 14)
        a = self.left_relu2(a)
        a = self.left_pool(a)  # (N, 64, 14, 7)
        b = self.right1(right)  # (N, 64, 28, 14)
        b = self.right_relu1(b)
        b = self.right2(b)  # (N, 64, 28, 14)
        b = self.right_relu2(b)
        b = self.right3(b)  # (N, 64, 28, 14)
        b = self.right_relu3(b)
        b = self.right_pool(b)  # (N, 64, 14, 7)
        x = self.join(a, b)  # (N, 128, 14, 7)
        x = self.flatten(x)  # (N, 12544), a channel's 98 places side by side
        return self.fc(x)  # (N, 10)
