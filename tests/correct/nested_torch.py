"""Blocks in blocks."""

from torch import nn

EXPECT = {
    "inputs": [[3, 14, 17]],
    "why": "Sequentials inside Sequentials here, models inside models there",
}


def conv_bn(channels_in, channels_out):
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(conv_bn(3, 4), conv_bn(4, 4), nn.MaxPool2d(2)),
            nn.Sequential(conv_bn(4, 6), conv_bn(6, 6), nn.MaxPool2d(2)),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(6 * 3 * 4, 8), nn.ReLU())
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.classifier(self.features(x)))
