"""The net of many ops in Keras."""

import keras
from keras import layers

from tf_impl.layers import (
    RBF,
    LocalResponseNorm,
    PaddedConv2D,
    PaddedMaxPooling2D,
    PartialConv2D,
    ScaledTanh,
    Subsample,
    channel_axis,
    padded,
    places,
)

TABLE = ((0, 1), (1, 2, 3), (4,), (0, 5))
CODES = (
    (1.0, 1.0, -1.0, -1.0, 1.0, 1.0),
    (-1.0, 1.0, 1.0, -1.0, -1.0, 1.0),
    (1.0, -1.0, 1.0, 1.0, -1.0, -1.0),
    (-1.0, -1.0, -1.0, 1.0, 1.0, -1.0),
    (1.0, 1.0, 1.0, 1.0, 1.0, -1.0),
)


class CeilAverage(layers.AveragePooling2D):
    """3x3 windows, 2 apart, zeros around; rounds up, and divides by the places that count."""

    def __init__(self, count_border):
        super().__init__(3, 2, padding="valid")
        self.counts = float(count_border)

    @property
    def settings(self):
        return {"padding": ((1, 1), (1, 1)), "ceil": True, "count_border": bool(self.counts)}

    def call(self, x):
        # A last window that overhangs, where one starts in front of the padding behind.
        behind = [(0, 1 if (n - 1) % 2 else 0) for n in places(x.shape)]
        around = ((1, 1), (1, 1))
        counted = padded(keras.ops.ones_like(x), around, self.counts)
        total = super().call(padded(padded(x, around), behind))
        return total / super().call(padded(counted, behind))


class Ops(keras.Model):
    def __init__(self):
        super().__init__()
        self.grouped = PaddedConv2D(6, 3, padding=((0, 1), (1, 0)), groups=2)
        self.lrn = LocalResponseNorm(3, alpha=0.5, beta=0.75, k=2.0)
        self.max_pool = PaddedMaxPooling2D(3, strides=2, padding=1, ceil=True)
        self.dilated = layers.Conv2D(6, 3, padding="same", dilation_rate=2)
        self.sigmoid = layers.Activation("sigmoid")
        self.strided = PaddedConv2D(6, 3, strides=2, padding=1, use_bias=False)
        self.bn = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-3, momentum=0.99)
        self.tanh = layers.Activation("tanh")
        self.total = layers.Add()
        self.join = layers.Concatenate(axis=channel_axis())
        self.border = CeilAverage(count_border=True)
        self.no_border = CeilAverage(count_border=False)
        self.averages = layers.Add()
        self.global_pool = layers.GlobalAveragePooling2D(keepdims=True)
        self.flatten_global = layers.Flatten()
        self.adaptive = layers.AdaptiveAveragePooling2D((5, 3))
        self.partial = PartialConv2D(6, TABLE, 2)
        self.squash = ScaledTanh(1.7159, 2 / 3)
        self.subsample = Subsample(2)
        self.flatten_parts = layers.Flatten()
        self.features = layers.Concatenate(axis=1)
        self.dropout = layers.Dropout(0.4)
        self.fc1 = layers.Dense(5)
        self.softmax = layers.Softmax(axis=1)
        self.scores = layers.Dense(5)
        self.fc2 = layers.Dense(6)
        self.distances = RBF(CODES)

    def call(self, left, right):
        a = self.lrn(self.grouped(left))
        b = self.max_pool(a)
        c = self.strided(self.sigmoid(self.dilated(right)))
        c = self.tanh(self.bn(c))
        d = self.join([self.total([b, c]), b])
        d = self.averages([self.border(d), self.no_border(d)])
        d = self.flatten_global(self.global_pool(d))
        e = self.squash(self.partial(self.adaptive(a)))
        e = self.flatten_parts(self.subsample(e))
        f = self.dropout(self.features([d, e]))
        f = self.scores(self.softmax(self.fc1(f)))
        return f, self.distances(self.fc2(e))
