"""The Keras ports of heads_torch.py, right ones unless told otherwise."""

import keras
from keras import layers, ops


class Heads(keras.Model):
    def __init__(self, second="", end="", names=()):
        super().__init__()
        self.conv, self.fc = layers.Conv2D(6, 3), layers.Dense(5)
        self.second, self.end, self.names = second, end, names
        if second:
            self.more = layers.Dense(7)

    def call(self, x):
        x = ops.mean(ops.relu(self.conv(x)), (1, 2))
        y = self.fc(x)
        if self.end == "finite":
            y = layers.Activation(lambda y: ops.nan_to_num(ops.add(y, 0.0)))(y)
        if self.end == "shrunk":
            y = ops.hard_shrink(y, 1e-9)
        if not self.second:
            return y
        z = self.more(x)
        if self.names:
            return dict(zip(self.names, (z, y), strict=True))
        return {"run": y, "last": (y, z), "first": (z, y)}[self.second]


def fork(relu=True):
    x = keras.Input((8, 12, 3))
    y = layers.Conv2D(6, 3, padding="same", activation="relu" if relu else None)(x)
    left, right = layers.Conv2D(4, 3, padding="same")(y), layers.Conv2D(4, 1)(y)
    return keras.Model(x, left * ops.sigmoid(right))


class Masked(keras.Model):
    def __init__(self, masked=True):
        super().__init__()
        self.q, self.k, self.v = layers.Dense(6), layers.Dense(6), layers.Dense(6)
        self.masked = masked

    def call(self, x):
        y = ops.matmul(self.q(x), ops.transpose(self.k(x), (0, 2, 1))) / 6**0.5
        if self.masked:
            y = ops.where(ops.triu(ops.ones(y.shape[-2:]), 1) > 0, -float("inf"), y)
        return ops.matmul(ops.softmax(y, -1), self.v(x))


class Causal(Masked):
    def call(self, x):
        given = self.q(x)[:, :, None], self.k(x)[:, :, None], self.v(x)[:, :, None]
        return ops.dot_product_attention(*given, is_causal=self.masked)[:, :, 0]
