"""The Keras ports of subtle_torch.py, right ones unless told otherwise."""

import keras
import tensorflow as tf
from keras import layers, ops


class DepthToSpace(layers.Layer):
    def call(self, x):
        x = tf.nn.depth_to_space(tf.pad(x, [[0, 0], [0, 0], [0, 0], [0, 2]]), 2)
        return tf.concat([x, x, x], -1)


def square(kind="norm", stride=(1, 2), mode="reflect", axis=-1):
    x = keras.Input((6, 6, 3))
    y = layers.Conv2D(6, 3, padding="same")(x)
    if kind == "norm":
        y = layers.LayerNormalization(axis=[1, 2, 3], epsilon=1e-5)(y)
    if kind == "channels":
        y = layers.ReLU()(layers.LayerNormalization(axis=axis, epsilon=1e-5)(y))
    if kind == "strides":
        y = layers.ReLU()(layers.Conv2D(6, 1, stride)(y))
    if kind == "slopes":
        y = layers.PReLU(shared_axes=[1, 2])(y)
    if kind == "border":
        y = ops.pad(y, [[0, 0], [1, 1], [1, 1], [0, 0]], mode=mode)
    if kind == "shuffled":
        y = DepthToSpace()(y)
    y = layers.GlobalAveragePooling2D()(ops.tanh(y))
    return keras.Model(x, layers.Dense(4)(y))


class Places(keras.Model):
    def __init__(self, kind="tokens"):
        super().__init__()
        self.conv, self.fc, self.kind = layers.Conv2D(6, 3), layers.Dense(4), kind

    def call(self, x):
        x = self.conv(x)
        if self.kind == "tokens":
            return ops.reshape(x, (-1, 4 * 6, 6))
        if self.kind == "last":
            return x
        if self.kind == "doubled":
            return ops.max(ops.concatenate([x, x], -1), -1, keepdims=True)
        if self.kind == "largest":
            return x / ops.max(x)
        if self.kind == "columns":
            return self.fc(ops.mean(x, (1, 3)))
        return self.fc(ops.mean(x, (1, 2)))


def twins(shared=False):
    inputs = keras.Input((6, 9, 3)), keras.Input((6, 9, 3))
    left = layers.Conv2D(6, 3, activation="relu")
    right = left if shared else layers.Conv2D(6, 3, activation="relu")
    pool = layers.GlobalAveragePooling2D()
    return keras.Model(inputs, pool(left(inputs[0])) - pool(right(inputs[1])))


def dropping(place="behind", whole=False):
    x = keras.Input((7,))
    drop = layers.Dropout(0.4)
    first = layers.Dropout(0.4, noise_shape=(None, 1)) if whole else drop
    y = layers.Dense(6)(first(x) if place in ("first", "both") else x)
    y = layers.ReLU()(drop(y) if place == "before" else y)
    return keras.Model(x, layers.Dense(4)(drop(y) if place in ("behind", "both") else y))


def turned(act="relu", norm=0.0):
    x = keras.Input((5, 6, 3))
    y = layers.Dense(4)(x)
    y = layers.Activation(act)(layers.LayerNormalization(epsilon=norm)(y) if norm else y)
    y = layers.Conv2D(4, 3, padding="same", activation="relu")(y)
    return keras.Model(x, layers.Dense(4)(layers.Flatten()(y)))
