"""The net of many ops in PyTorch."""

from torch import nn

from torch_impl.layers import RBF, Add, Concat, PartialConv2d, ScaledTanh, Subsample

TABLE = ((0, 1), (1, 2, 3), (4,), (0, 5))
CODES = (
    (1.0, 1.0, -1.0, -1.0, 1.0, 1.0),
    (-1.0, 1.0, 1.0, -1.0, -1.0, 1.0),
    (1.0, -1.0, 1.0, 1.0, -1.0, -1.0),
    (-1.0, -1.0, -1.0, 1.0, 1.0, -1.0),
    (1.0, 1.0, 1.0, 1.0, 1.0, -1.0),
)


class UnevenConv2d(nn.Conv2d):
    """Zeros below and on the left only; nn.Conv2d pads opposite sides alike."""

    settings = {"padding": ((0, 1), (1, 0))}

    def forward(self, x):
        return super().forward(nn.functional.pad(x, (1, 0, 0, 1)))


class Ops(nn.Module):
    def __init__(self):
        super().__init__()
        self.grouped = UnevenConv2d(4, 6, 3, groups=2)
        self.lrn = nn.LocalResponseNorm(3, alpha=3 * 0.5, beta=0.75, k=2.0)
        self.max_pool = nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)
        self.dilated = nn.Conv2d(3, 6, 3, padding=2, dilation=2)
        self.sigmoid = nn.Sigmoid()
        self.strided = nn.Conv2d(6, 6, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(6, eps=1e-3, momentum=0.01)
        self.tanh = nn.Tanh()
        self.total = Add()
        self.join = Concat()
        self.border = nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=True)
        self.no_border = nn.AvgPool2d(
            3, stride=2, padding=1, ceil_mode=True, count_include_pad=False
        )
        self.averages = Add()
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.flatten_global = nn.Flatten()
        self.adaptive = nn.AdaptiveAvgPool2d((5, 3))
        self.partial = PartialConv2d(6, TABLE, 2)
        self.squash = ScaledTanh(1.7159, 2 / 3)
        self.subsample = Subsample(4, 2)
        self.flatten_parts = nn.Flatten()
        self.features = Concat()
        self.dropout = nn.Dropout(0.4)
        self.fc1 = nn.Linear(20, 5)
        self.softmax = nn.Softmax(dim=1)
        self.scores = nn.Linear(5, 5)
        self.fc2 = nn.Linear(8, 6)
        self.distances = RBF(CODES)

    def forward(self, left, right):
        a = self.lrn(self.grouped(left))
        b = self.max_pool(a)
        c = self.strided(self.sigmoid(self.dilated(right)))
        c = self.tanh(self.bn(c))
        d = self.join(self.total(b, c), b)
        d = self.averages(self.border(d), self.no_border(d))
        d = self.flatten_global(self.global_pool(d))
        e = self.squash(self.partial(self.adaptive(a)))
        e = self.flatten_parts(self.subsample(e))
        f = self.dropout(self.features(d, e))
        f = self.scores(self.softmax(self.fc1(f)))
        return f, self.distances(self.fc2(e))
