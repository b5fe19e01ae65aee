"""The same as in twins_torch.py; an argument plants a fault."""

import numpy as np
from keras import Input, Model, layers, ops


def gates(each=False, source=True):
    image = Input((8, 6, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    down = layers.Conv2D(2, 1, use_bias=False, activation="relu")
    up = layers.Conv2D(8, 1, use_bias=False)
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


def joined(skip_first=True):
    image = Input((8, 6, 2))
    skip = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    y = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.MaxPooling2D()(skip))
    y = layers.Conv2DTranspose(4, 2, 2)(y)
    y = layers.Concatenate()([skip, y] if skip_first else [y, skip])
    return Model(image, layers.Conv2D(3, 1)(y))


def latest(place=-1):
    x = line = Input((9, 3))
    for dilation in (1, 2):
        y = layers.Conv1D(3, 3, dilation_rate=dilation, padding="causal", activation="tanh")(x)
        x = layers.Add()([x, y])
    return Model(line, layers.Dense(2)(x[:, place]))


def dealt(back=False, spread=True):
    image = Input((8, 11, 3))
    x = layers.Conv2D(12, 3, activation="relu")(image)
    _, h, w, c = x.shape
    x = ops.reshape(x, (-1, h, w, 4, 3) if back else (-1, h, w, 3, 4))
    x = ops.reshape(ops.transpose(x, (0, 1, 2, 4, 3)), (-1, h, w, c))
    x = layers.Conv2D(12, 3, groups=3)(x)
    _, h, w, _ = x.shape
    if spread:
        x = ops.transpose(ops.reshape(x, (-1, h, w, 3, 2, 2)), (0, 1, 4, 2, 5, 3))
    else:
        x = ops.transpose(ops.reshape(x, (-1, h, w, 2, 2, 3)), (0, 1, 3, 2, 4, 5))
    return Model(image, ops.reshape(x, (-1, 2 * h, 2 * w, 3)))


class Standard(layers.Layer):
    def __init__(self, eps):
        super().__init__()
        self.eps = eps

    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta")

    def call(self, x):
        gaps = x - ops.mean(x, -1, keepdims=True)
        spread = ops.sqrt(ops.mean(ops.square(gaps), -1, keepdims=True) + self.eps)
        return self.gamma * (gaps / spread) + self.beta


def standard(eps=1e-6, own=True):
    image = Input((7, 6, 3))
    x = layers.Conv2D(8, 3)(image)
    x = Standard(eps)(x) if own else layers.LayerNormalization(epsilon=eps)(x)
    return Model(image, layers.Conv2D(2, 3)(layers.Activation("gelu")(x)))


class Turned(layers.Layer):
    def build(self, shape):
        self.tall = self.add_weight(shape=(3, 3, 4), name="tall")
        self.wide = self.add_weight(shape=(3, 3, 4), name="wide")

    def call(self, x):
        tall = ops.einsum("nhwc,hkc->nhwk", x, self.tall)
        wide = ops.einsum("nhwc,wkc->nhwk", x, self.wide)
        return ops.expand_dims(tall, 4) + ops.expand_dims(wide, 3)


class Angles(layers.Layer):
    def call(self, x):
        places = ops.reshape(ops.arange(9, dtype="float32"), (3, 3, 1)) + 0.5
        pace = 1 / 100 ** ops.arange(0, 1, 0.25, dtype="float32")
        return x * ops.cast(ops.cos(places * pace), x.dtype)


def turned(scale=1.0, more=False):
    image = Input((6, 6, 3))
    x = image if scale == 1 else layers.Rescaling(scale)(image)
    x = first = Angles()(layers.Conv2D(4, 2, 2)(x))
    y = ops.sum(Turned()(x), -1)
    y = layers.Dense(2)(ops.tanh(layers.Concatenate()([x, y])))
    return Model(image, [first, y] if more else y)


def finer(interpolation="bicubic"):
    image = Input((5, 6, 1))
    x = layers.UpSampling2D(2, interpolation=interpolation)(image)
    x = layers.Conv2D(4, 5, padding="same", activation="relu")(x)
    return Model(image, layers.Conv2D(1, 3, padding="same")(x))


def halved(activation="relu"):
    image = Input((6, 8, 2))
    x = layers.Conv2D(4, 3, padding="same", activation=activation)(image)
    shifted = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))
    ends = [layers.Conv2D(3, 1, use_bias=False)(layers.AveragePooling2D(1, 2)(y))
            for y in (x, shifted)]  # fmt: skip
    return Model(image, layers.Concatenate()(ends))
