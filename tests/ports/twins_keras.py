"""The same as in twins_torch.py; an argument plants a fault."""

import numpy as np
from keras import Input, Model, layers, ops


def gates(each=False, source=True):
    image = Input((8, 6, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    down = layers.Conv2D(2, 1, use_bias=False, activation="relu")
    up = layers.Conv2D(8, 1, use_bias=False)
    for _ in range(2):
        most = up(down(layers.GlobalMaxPooling2D(keepdims=True)(x)))
        mean = up(down(layers.GlobalAveragePooling2D(keepdims=True)(x)))
        if each:
            gate = ops.sigmoid(mean) + ops.sigmoid(most)
        else:
            gate = layers.Activation("sigmoid")(layers.Add()([mean, most]))
        before, x = x, layers.Multiply()([x, gate])
    maps = [ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)]
    gate = layers.Conv2D(1, 3, padding="same", use_bias=False, activation="sigmoid")(
        layers.Concatenate()(maps)
    )
    y = layers.Multiply()([x if source else before, gate])
    return Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(y)))


def widths(turned=False, pool="max"):
    line = Input((9, 4))
    pools = layers.GlobalMaxPooling1D if pool == "max" else layers.GlobalAveragePooling1D
    found = {k: pools()(layers.Conv1D(3, k, activation="relu")(line)) for k in (4, 3, 2)}
    joined = layers.Concatenate()([found[k] for k in ((4, 3, 2) if turned else (2, 3, 4))])
    return Model(line, layers.Dense(2)(joined))


def pyramid(turned=False):
    x, maps = Input((16, 24, 3)), []
    image = x
    for count in (5, 6, 7):
        x = layers.Conv2D(count, 3, 2, activation="relu")(layers.ZeroPadding2D(1)(x))
        maps.append(x)
    ys = [layers.Conv2D(4, 1)(maps[2])]
    for side in maps[1::-1]:
        ys.insert(0, layers.Add()([layers.Conv2D(4, 1)(side), layers.UpSampling2D(2)(ys[0])]))
    ends = [layers.Conv2D(4, 3, padding="same")(y) for y in ys]
    return Model(image, ends[::-1] if turned else ends)


class Masked(layers.Layer):
    def __init__(self, maps, itself):
        super().__init__()
        self.maps, self.itself = maps, itself

    def build(self, shape):
        sizes = (3, 3, shape[-1], self.maps)
        self.kernel = self.add_weight(shape=sizes, name="kernel")
        self.bias = self.add_weight(shape=(self.maps,), initializer="zeros", name="bias")
        self.mask = np.ones(sizes)
        self.mask[1, 1 + self.itself :], self.mask[2:] = 0, 0

    def call(self, x):
        kernel = self.kernel * ops.cast(self.mask, self.kernel.dtype)
        return ops.conv(x, kernel, padding="same") + self.bias


def pixels(itself=False):
    image = Input((6, 5, 2))
    return Model(image, layers.Conv2D(3, 1)(layers.ReLU()(Masked(5, itself)(image))))
