"""Each activation stands alone."""

from torch import nn

EXPECT = {
    "inputs": [[3, 13, 16]],
    "why": "activations are modules here, arguments of Conv2D and Dense there",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 5, 3, padding="same")
        self.act1 = nn.ReLU()
        self.conv2 = nn.Conv2d(5, 5, 3)
        self.act2 = nn.SiLU()
        self.conv3 = nn.Conv2d(5, 5, 3)
        self.act3 = nn.ELU()
        self.fc1 = nn.Linear(5 * 9 * 12, 9)
        self.act4 = nn.Tanh()
        self.fc2 = nn.Linear(9, 9)
        self.act5 = nn.Softplus()
        self.fc3 = nn.Linear(9, 2)

    def forward(self, x):
        x = self.act1(self.conv1(x))
        x = self.act2(self.conv2(x))
        x = self.act3(self.conv3(x))
        x = self.act4(self.fc1(x.flatten(start_dim=1)))
        x = self.act5(self.fc2(x))
        return self.fc3(x)
