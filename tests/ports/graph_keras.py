"""Keras ports to look at: what a graph has to get right, one thing after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops


def small() -> keras.Model:
    """A residual net as a functional model, every layer with settings of its own."""
    x = inputs = keras.Input((12, 10, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="conv1")(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="bn1")(x)
    x = layers.ReLU(name="relu1")(x)
    y = layers.ZeroPadding2D(((0, 1), (2, 3)), name="pad")(x)
    y = layers.DepthwiseConv2D(3, name="deep")(y)
    y = layers.Conv2D(8, 1, activation="relu", name="point")(y)
    x = layers.Conv2D(8, (1, 1), name="short")(x)
    x = layers.AveragePooling2D(2, 1, padding="same", name="avg")(x)
    x = layers.Cropping2D(((0, 1), (0, 0)), name="crop")(x)
    x = layers.Concatenate(name="cat")([x[:, :5, :5], y[:, :5, :5]])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.3, name="drop")(x)
    x = layers.Dense(4, activation="softmax", name="fc")(x)
    return keras.Model(inputs, x)


class Scale(layers.Layer):
    """A user's own layer: gamma * x + beta."""

    def build(self, shape: Any) -> None:
        self.gamma = self.add_weight(name="gamma", shape=(shape[-1],), initializer="random_normal")
        self.beta = self.add_weight(name="beta", shape=(shape[-1],), initializer="random_normal")

    def call(self, x: Any) -> Any:
        return self.gamma * x + self.beta


class Block(layers.Layer):
    """Two convolutions and a shortcut that is added with a plus sign."""

    def __init__(self, filters: int, shared: layers.Layer) -> None:
        super().__init__()
        self.conv1 = layers.Conv2D(filters, 3, padding="same", activation="relu")
        self.bn = layers.BatchNormalization()
        self.shared = shared

    def call(self, x: Any, training: Any = None) -> Any:
        y = self.bn(self.conv1(x), training=training)
        return tf.nn.relu(self.shared(y) + x)


@dataclass
class Result:
    logits: Any
    features: list[Any]


class Awkward(keras.Model):
    """What people write that is no list of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = layers.Conv2D(8, 3, padding="same")
        self.shared = layers.Conv2D(8, 1)
        self.blocks = [Block(8, self.shared) for _ in range(2)]
        self.scale = Scale()
        self.drop = layers.Dropout(0.5)
        self.permute = layers.Permute((3, 1, 2))
        self.flatten = layers.Flatten()
        self.half = {"a": layers.Dense(3), "b": layers.Dense(3, activation=tf.nn.tanh)}

    def call(self, x: Any, training: Any = None) -> Any:
        x = tf.nn.relu(self.stem(x * 2.0 - 1.0))
        for block in self.blocks:
            x = block(x, training=training)
        x = self.scale(ops.average_pool(x, 2))
        a, b = ops.split(x, 2, axis=-1)
        x = ops.concatenate([ops.silu(a), tf.math.sigmoid(b)], axis=-1)
        x = self.drop(self.drop(x, training=training), training=training)
        features = self.flatten(self.permute(x))
        half = self.half["a"](inputs=features) + self.half["b"](features)
        mask = tf.cast(half > 0, half.dtype)
        return Result(logits=half * mask, features=[features, tf.reduce_mean(x, axis=[1, 2])])


class Pair(keras.Model):
    """Two inputs, a dict and a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = layers.Dense(4), layers.Dense(4)

    def call(self, a: Any, b: Any) -> Any:
        both = self.left(a) * self.right(b)
        return {"both": both, "each": (ops.sum(both, axis=1), both - 1)}


class First(keras.Model):
    """Channels first, on whatever it runs."""

    def __init__(self) -> None:
        super().__init__()
        form = {"data_format": "channels_first"}
        self.conv = layers.Conv2D(6, 3, strides=2, padding="same", **form)
        self.bn = layers.BatchNormalization(axis=1)
        self.deep = layers.DepthwiseConv2D(3, **form)
        self.group = layers.Conv2D(4, 1, groups=2, **form)
        self.up = layers.Conv2DTranspose(3, 2, strides=2, **form)
        self.pool = layers.MaxPooling2D(2, **form)
        self.mean = layers.GlobalAveragePooling2D(**form)

    def call(self, x: Any) -> Any:
        x = self.deep(ops.relu(self.bn(self.conv(x))))
        return self.mean(self.pool(self.up(self.group(x))))


class Last(keras.Model):
    """The same numbers as `First`, channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = layers.Conv2D(6, 3, strides=2, padding="same")
        self.bn = layers.BatchNormalization()
        self.deep = layers.DepthwiseConv2D(3)
        self.group = layers.Conv2D(4, 1, groups=2)
        self.up = layers.Conv2DTranspose(3, 2, strides=2)
        self.pool = layers.MaxPooling2D(2)
        self.mean = layers.GlobalAveragePooling2D()

    call = First.call


class Attends(keras.Model):
    """Tokens that look at one another."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = layers.Embedding(11, 8, mask_zero=True)
        self.norm = layers.LayerNormalization()
        self.look = layers.MultiHeadAttention(2, 4)
        self.walk = layers.LSTM(5)

    def call(self, tokens: Any) -> Any:
        x = self.embed(tokens)
        y = self.norm(x)
        return self.walk(x + self.look(y, y))


def with_preprocessing() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.Rescaling(1 / 255, offset=-0.5),
            layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0]),
            keras.Sequential([layers.Conv2D(4, 3), layers.LeakyReLU(0.1), layers.UpSampling2D()]),
            layers.Flatten(),
            layers.Dense(3, activation=layers.LeakyReLU(0.2)),
        ]
    )


class Escapes(keras.Model):
    """Does its sums where nobody can follow."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.dense = how, layers.Dense(3)

    def call(self, x: Any) -> Any:
        x = self.dense(x)
        if self.how == "numpy":
            return x * tf.constant(x.numpy() * 2)
        if self.how == "float":
            return x * float(tf.reduce_mean(x))
        if self.how == "buffer":
            return x + tf.constant(bytearray_of(x))
        return tf.numpy_function(lambda a: a * 2, [x], x.dtype) + x


def bytearray_of(x: Any) -> Any:
    import numpy as np

    return np.frombuffer(memoryview(x), dtype=x.dtype.as_numpy_dtype).reshape(x.shape).copy()


@tf.custom_gradient
def reversing(x: Any) -> Any:
    """Itself, and the gradient turned round."""
    return x * 2.0, lambda g: -g


class Compiled(keras.Model):
    """tf.function, a gradient of its own, layers made on the way, a mode of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.drop = layers.Conv2D(4, 3), layers.BatchNormalization(), None
        self.drop = layers.Dropout(0.5)
        self.loose = tf.Variable([1.0, 2.0, 3.0, 4.0], dtype=self.compute_dtype)

    @tf.function
    def act(self, x: Any) -> Any:
        return tf.nn.bias_add(tf.nn.silu(x), self.loose)

    def call(self, x: Any) -> Any:
        x = self.bn(self.conv(x), training=False)
        x = layers.ReLU()(reversing(self.act(x)))
        return tf.matmul(layers.Flatten()(self.drop(x)), tf.ones((16, 2), x.dtype))


class Padded(layers.Conv2D):
    """A layer of Keras' own with a call of its own."""

    def call(self, x: Any) -> Any:
        return super().call(ops.pad(x, [(0, 0), (1, 2), (1, 2), (0, 0)]))


def leaves() -> keras.Model:
    return keras.Sequential([keras.Input((5, 5, 2)), Padded(3, 3, activation="relu", name="p")])


def nothing() -> None:
    return None


def raises() -> keras.Model:
    return layers.Dense("many")


class Fails(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x: Any) -> Any:
        return ops.matmul(self.dense(x), ops.ones((7, 2)))
