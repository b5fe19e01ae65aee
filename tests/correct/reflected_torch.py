"""A style-transfer net's stem."""

from torch import nn

EXPECT = {
    "inputs": [[3, 12, 14]],
    "why": "reflected borders: padding_mode here, ops.pad there; instance norm of one pixel group",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 5, padding=2, padding_mode="reflect")
        self.pad = nn.ReflectionPad2d((1, 0, 0, 1))
        self.conv2 = nn.Conv2d(4, 4, 2)
        self.norm = nn.InstanceNorm2d(4, affine=True)
        self.out = nn.Conv2d(4, 3, 1)

    def forward(self, x):
        x = self.norm(self.conv2(self.pad(self.conv1(x))).relu())
        return self.out(x).tanh()
