"""The same as in users_torch.py; an argument plants a fault."""

import keras
from keras import layers, ops


def crop(shift=0, skip_first=True, scale=1):
    x = keras.Input((16, 12, 2))
    y = x if scale == 1 else layers.Rescaling(scale)(x)
    skip = layers.Conv2D(4, 3, activation="relu")(y)
    y = layers.Conv2D(6, 3, activation="relu")(layers.MaxPooling2D()(skip))
    up = layers.Conv2DTranspose(4, 2, strides=2)(y)
    sides = [(skip.shape[i] - up.shape[i]) // 2 for i in (1, 2)]
    cut = (
        layers.Cropping2D(((sides[0] - shift, sides[0] + shift), sides[1]))(skip)
        if shift
        else (layers.Cropping2D(sides)(skip))
    )
    joined = layers.Concatenate()([cut, up] if skip_first else [up, cut])
    return keras.Model(x, layers.Conv2D(2, 1)(joined))


def generator(eps=1e-5, slope=0.2, crop=None):
    x = keras.Input((5,))
    y = layers.Dense(6 * 3 * 4, use_bias=False)(x)
    y = layers.BatchNormalization(epsilon=eps, momentum=0.9)(y)
    y = layers.Reshape((3, 4, 6))(layers.LeakyReLU(0.2)(y))
    y = layers.Conv2DTranspose(4, 5, 1, padding="same")(y)
    y = layers.LeakyReLU(slope)(y)
    if crop is None:
        y = layers.Conv2DTranspose(2, 5, 2, padding="same", activation="tanh")(y)
        return keras.Model(x, y)
    y = layers.Conv2DTranspose(2, 5, 2)(y)
    return keras.Model(x, layers.Activation("tanh")(layers.Cropping2D(crop)(y)))


def volume(eps=1e-3, act="tanh"):
    x = keras.Input((4, 6, 4, 2))
    y = layers.Conv3D(4, 3, padding="same")(x)
    y = layers.MaxPooling3D()(layers.ReLU()(layers.BatchNormalization(epsilon=eps)(y)))
    y = layers.Dense(5, activation=act)(layers.Flatten()(y))
    return keras.Model(x, layers.Dense(3)(y))


class Ids(layers.Layer):
    def call(self, x):
        return ops.clip(ops.cast(ops.abs(x) * 3, "int32"), 0, 19)


def text(pad="valid", pool="max"):
    x = keras.Input((12,))
    y = layers.Embedding(20, 6)(Ids()(x))
    y = layers.Conv1D(5, 4, padding=pad, activation="tanh")(y)
    pools = {"max": layers.GlobalMaxPooling1D, "mean": layers.GlobalAveragePooling1D}
    return keras.Model(x, layers.Dense(2)(pools[pool]()(y)))


def prepared(variance=True, interpolation="bilinear", inside=True):
    x = keras.Input((16, 12, 3))
    std = (0.229, 0.224, 0.225)
    given = [s * s for s in std] if variance else list(std)
    y = layers.Rescaling(1 / 255)(x) if inside else x
    if inside:
        y = layers.Normalization(mean=[0.485, 0.456, 0.406], variance=given)(y)
    y = layers.Resizing(8, 6, interpolation=interpolation)(y)
    y = layers.Conv2D(4, 3, 2, activation="relu")(layers.ZeroPadding2D(1)(y))
    return keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling2D()(y)))


def again(shared=True, times=3):
    def conv():
        return layers.Conv2D(4, 3, padding="same", activation="elu")

    x = keras.Input((6, 5, 2))
    y, one = conv()(x), conv()
    for _ in range(times):
        y = layers.Add()([(one if shared else conv())(y), y])
    return keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(y)))


def patches(x):
    return layers.Reshape((6, 12))(layers.Conv2D(12, 4, 4)(x))


def separate(scale=0.5):
    """Three projections, by hand; 0.5 is 1 / sqrt(4)."""
    x = keras.Input((8, 12, 3))
    tokens = patches(x)
    y = layers.LayerNormalization(epsilon=1e-6)(tokens)
    q, k, v = (
        ops.transpose(ops.reshape(layers.Dense(12)(y), (-1, 6, 3, 4)), (0, 2, 1, 3))
        for _ in range(3)
    )
    a = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) * scale)
    y = ops.reshape(ops.transpose(ops.matmul(a, v), (0, 2, 1, 3)), (-1, 6, 12))
    y = tokens + layers.Dense(12)(y)
    return keras.Model(x, layers.Dense(5)(layers.GlobalAveragePooling1D()(y)))


def multi_head(eps=1e-6):
    """Keras' own layer, whose kernels have an axis for the heads."""
    x = keras.Input((8, 12, 3))
    tokens = patches(x)
    y = layers.LayerNormalization(epsilon=eps)(tokens)
    y = tokens + layers.MultiHeadAttention(3, 4)(y, y)
    return keras.Model(x, layers.Dense(5)(layers.GlobalAveragePooling1D()(y)))


class Places(layers.Layer):
    """A token that is repeated, and positions of an embedding."""

    def __init__(self):
        super().__init__()
        self.token = self.add_weight(shape=(1, 1, 12), initializer="normal", name="token")
        self.places = layers.Embedding(7, 12)

    def call(self, x):
        token = ops.tile(self.token, (ops.shape(x)[0], 1, 1))
        return ops.concatenate([token, x], axis=1) + self.places(ops.arange(7))


def positions():
    x = keras.Input((8, 12, 3))
    y = layers.LayerNormalization(epsilon=1e-6)(Places()(patches(x)))
    y = layers.GlobalAveragePooling1D()(ops.tanh(y))
    return keras.Model(x, layers.Dense(5)(y))


def around(sides=((1, 1), (1, 1)), pool=((1, 0), (1, 0))):
    x = keras.Input((9, 13, 2))
    y = layers.Conv2D(4, 3, 2, activation="relu")(layers.ZeroPadding2D(sides)(x))
    y = layers.MaxPooling2D(2)(layers.ZeroPadding2D(pool)(y))
    return keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling2D()(y)))


def mapattention(axis=-1):
    image = keras.Input((6, 5, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    q, k, v = (layers.Reshape((30, n))(layers.Conv2D(n, 1)(x)) for n in (2, 2, 8))
    weights = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 2, 1))), axis=axis)
    y = layers.Reshape((6, 5, 8))(ops.matmul(weights, v))
    return keras.Model(image, layers.Conv2D(2, 1)(y + x))


def autoencoder(slope=0.2):
    """Turns its maps before it flattens them, and cuts off what it does not pad."""
    x = keras.Input((12, 8, 1))
    y = layers.LeakyReLU(slope)(layers.Conv2D(4, 3, 2)(layers.ZeroPadding2D(1)(x)))
    y = layers.Dense(5)(layers.Flatten()(layers.Permute((3, 1, 2))(y)))
    y = layers.Permute((2, 3, 1))(layers.Reshape((4, 6, 4))(layers.Dense(96)(y)))
    y = layers.Conv2DTranspose(1, 3, 2)(layers.LeakyReLU(slope)(y))
    return keras.Model(x, ops.sigmoid(y[:, 1:, 1:]))


def mixed(padding="valid", eps=1e-3):
    x = keras.Input((8, 12, 3))
    y = layers.ZeroPadding2D(1)(x) if padding == "valid" else x
    y = layers.SeparableConv2D(4, 3, 2, depth_multiplier=2, padding=padding)(y)
    y = layers.Activation("silu")(layers.GroupNormalization(-1, epsilon=eps)(y))
    return keras.Model(x, layers.UpSampling2D(2, interpolation="bilinear")(y))


def loop():
    return keras.Sequential([keras.Input((6, 3)), layers.LSTM(4), layers.Dense(2)])


def normed():
    x = keras.Input((5, 6))
    y = layers.GlobalAveragePooling1D()(layers.Conv1D(4, 3, activation="relu")(x))
    return keras.Model(x, layers.Dense(2)(y))


def soft(bias=True, rate=0.2, maps=True, added=True):
    x = keras.Input((9, 3))
    y = layers.Conv1DTranspose(4, 4, 2, padding="same", use_bias=bias)(x)
    drop = layers.SpatialDropout1D if maps else layers.Dropout
    y = layers.GlobalAveragePooling1D()(drop(rate)(ops.softplus(y)))
    z = layers.Dense(1)(y)
    z = z + ops.sum(y, axis=-1, keepdims=True) if added else z
    return keras.Model(x, ops.squeeze(ops.sigmoid(z), -1))


def boxes(padding="valid", first=2):
    x = keras.Input((8, 12, 3))
    y = layers.ZeroPadding2D(1)(x) if padding == "valid" else x
    y = layers.LayerNormalization(epsilon=1e-6)(layers.Conv2D(6, 3, 2, padding=padding)(y))
    y = layers.Conv2D(10, 1)(ops.silu(y))
    if first == 2:
        y = ops.transpose(ops.reshape(y, (-1, 4, 6, 2, 5)), (0, 3, 1, 2, 4))
    else:
        y = ops.transpose(ops.reshape(y, (-1, 4, 6, 5, 2)), (0, 4, 1, 2, 3))
    return keras.Model(x, [ops.sigmoid(y[..., :2]) * 2 - 0.5, ops.exp(y[..., 2:])])


class Token(layers.Layer):
    def __init__(self):
        super().__init__()
        self.token = self.add_weight(shape=(1, 1, 12), initializer="zeros", name="token")

    def call(self, x):
        return ops.concatenate([ops.tile(self.token, (ops.shape(x)[0], 1, 1)), x], axis=1)


def faint(eps=1e-12):
    x = keras.Input((8, 12, 3))
    tokens = Token()(patches(x))
    y = layers.Dense(12, activation="tanh")(layers.LayerNormalization(epsilon=eps)(tokens))
    return keras.Model(x, layers.Dense(5)(layers.GlobalAveragePooling1D()(tokens + y)))


def fewer(x, approximate):
    y = layers.LayerNormalization(epsilon=1e-5)(x)
    r = layers.Reshape((4, 4))(layers.Conv2D(4, 2, 2)(layers.Reshape((4, 4, 4))(y)))
    q, k, v = layers.Dense(4)(y), layers.Dense(4)(r), layers.Dense(4)(r)
    a = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 2, 1))) * 0.5)
    x = x + layers.Dense(4)(ops.matmul(a, v))
    return x + ops.gelu(layers.Dense(4)(x), approximate=approximate)


def reduced(approximate=False):
    x = keras.Input((8, 8, 3))
    y = layers.Reshape((16, 4))(layers.Conv2D(4, 2, 2)(x))
    y = fewer(fewer(y, approximate), approximate)
    return keras.Model(x, layers.Reshape((4, 4, 4))(y))


class Affine(layers.Layer):
    def __init__(self):
        super().__init__()
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        self.bias = self.add_weight(shape=(), initializer="zeros", name="bias")

    def call(self, x):
        return self.scale * x + self.bias


def scalars():
    x = keras.Input((8, 12, 3))
    y = Affine()(layers.Conv2D(4, 3, activation="relu")(x))
    return keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(y)))


class Relative(layers.Layer):
    """Its table in the layer that attends."""

    def __init__(self, scale):
        super().__init__()
        self.table = self.add_weight(shape=(11, 4), initializer="zeros", name="table")
        self.scale, places = scale, ops.arange(6)
        self.index = places[:, None] - places[None, :] + 5

    def call(self, q, k, v):
        rows = ops.transpose(ops.take(self.table, self.index, axis=0), (2, 0, 1))
        a = ops.matmul(q * self.scale, ops.transpose(k, (0, 1, 3, 2))) + rows
        return ops.matmul(ops.softmax(a), v)


def relative():
    scale = float(ops.cast(3**-0.5, "float32"))  # rounded before it is used
    x = keras.Input((8, 12, 3))
    tokens = patches(x)
    q, k, v = (
        ops.transpose(ops.reshape(layers.Dense(12)(tokens), (-1, 6, 4, 3)), (0, 2, 1, 3))
        for _ in range(3)
    )
    y = ops.transpose(Relative(scale)(q, k, v), (0, 2, 1, 3))
    return keras.Model(x, layers.Dense(12)(ops.reshape(y, (-1, 6, 12))))


def phrases(pool="max"):
    x = keras.Input((12, 6))
    pools = layers.GlobalMaxPooling1D if pool == "max" else layers.GlobalAveragePooling1D
    maps = [pools()(layers.Conv1D(3, k, activation="relu")(x)) for k in (2, 6)]
    return keras.Model(x, layers.Dense(2)(layers.Concatenate()(maps)))


class Scale(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, x):
        return x * self.scale


def gated(end=""):
    x = keras.Input((9, 8, 3))
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="sigmoid")(x))
    few, many = layers.Dense(2)(y), Scale()(y)
    if end == "relu":
        many = layers.ReLU()(many)
    if end == "clip":
        few = ops.clip(few, -1000, 1000)
    return keras.Model(x, {"few": few, "many": many, "gate": 0.5 * y, "over": few > 0})


class Cosine(layers.Layer):
    def build(self, shape):
        self.classes = self.add_weight(shape=(shape[-1], 5), name="classes")

    def call(self, x):
        return 8 * ops.matmul(ops.normalize(x, axis=-1), ops.normalize(self.classes, axis=0))


def inline(eps=1e-6, more=1.0):
    x = keras.Input((7,))
    y = layers.LayerNormalization(epsilon=eps)(layers.Dense(6)(x))
    return keras.Model(x, Cosine()(y + more))


def spectral():
    x = keras.Input((7,))
    return keras.Model(x, layers.SpectralNormalization(layers.Dense(6))(x))
