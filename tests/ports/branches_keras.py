"""The test net in Keras."""

import keras
from keras import layers


class PaddedConv(layers.Conv2D):
    """Zeros on every side, as PyTorch pads; "same" would pad 0 before and 1 after at stride 2."""

    settings = {"padding": ((1, 1), (1, 1))}

    def call(self, x):
        return super().call(keras.ops.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)]))


class Branches(keras.Model):
    def __init__(self):
        super().__init__()
        self.stem = PaddedConv(4, 3, strides=2, padding="valid")
        self.bn = layers.BatchNormalization(epsilon=1e-5, momentum=0.9)
        self.relu1 = layers.ReLU()
        self.left = layers.Conv2D(4, 1, use_bias=False)
        self.total = layers.Add()
        self.right = layers.Conv2D(2, 3, padding="same")
        self.join = layers.Concatenate(axis=-1)
        self.pool = layers.AveragePooling2D(2, strides=1)
        self.flatten = layers.Flatten()
        self.fc = layers.Dense(5)

    def call(self, x):
        x = self.relu1(self.bn(self.stem(x)))
        x = self.join([self.total([self.left(x), x]), self.right(x)])
        return self.fc(self.flatten(self.pool(x)))
