"""A generator, as of DCGAN."""

from torch import nn

EXPECT = {
    "inputs": [[6]],
    "why": 'ConvTranspose2d(4, 2, 1) against "same"; a vector is reshaped to maps in two layouts',
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 8 * 4 * 3, bias=False)
        self.bn = nn.BatchNorm1d(8 * 4 * 3)
        self.up1 = nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.up2 = nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1)
        self.act = nn.LeakyReLU(0.2)

    def forward(self, z):
        x = self.act(self.bn(self.fc(z)))
        x = x.view(-1, 4, 3, 8).permute(0, 3, 1, 2)
        x = self.act(self.bn1(self.up1(x)))
        return self.up2(x).tanh()
