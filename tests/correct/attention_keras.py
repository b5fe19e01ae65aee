"""The same."""

import keras
from keras import layers, ops


class Port(keras.Model):
    def __init__(self, dim=6):
        super().__init__()
        self.dim = dim
        self.patch = layers.Conv2D(dim, 2, strides=2)
        self.tokens = layers.Reshape((12, dim))
        self.norm = layers.LayerNormalization(epsilon=1e-5)
        self.value, self.key, self.query = (layers.Dense(dim) for _ in range(3))
        self.proj = layers.Dense(dim)
        self.head = layers.Dense(3)
        self.position = self.add_weight(shape=(1, 12, dim), initializer="zeros", name="position")

    def call(self, x):
        x = self.tokens(self.patch(x[:, :, :6])) + self.position
        y = self.norm(x)
        scores = ops.matmul(self.query(y), ops.transpose(self.key(y), (0, 2, 1)))
        weights = ops.softmax(scores * self.dim**-0.5)
        x = x + self.proj(ops.matmul(weights, self.value(y)))
        return self.head(ops.mean(x, axis=1))
