"""The net that drops, in Keras."""

import keras
from keras import layers


class Dropping(keras.Model):
    def __init__(self, keep1=0.9, rate1=0.25):
        super().__init__()
        self.conv1 = layers.Conv2D(4, 3)
        self.bn1 = layers.BatchNormalization(epsilon=1e-5, momentum=keep1)
        self.relu1 = layers.ReLU()
        self.conv2 = layers.Conv2D(4, 3, use_bias=False)
        self.bn2 = layers.BatchNormalization(epsilon=1e-3, momentum=0.75)
        self.relu2 = layers.ReLU()
        self.drop1 = layers.Dropout(rate1)
        self.pool = layers.MaxPooling2D(2)
        self.flatten = layers.Flatten()
        self.drop2 = layers.Dropout(0.5)
        self.fc = layers.Dense(5)

    def call(self, x):
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x)))
        x = self.drop1(x)
        return self.fc(self.drop2(self.flatten(self.pool(x))))


class ForgetsFaster(Dropping):
    def __init__(self):
        super().__init__(keep1=0.89)


class DropsMore(Dropping):
    def __init__(self):
        super().__init__(rate1=0.3)


class FrozenNorm(Dropping):
    """bn2 stays in evaluation mode.

    Keras hands the False on to every layer called after it, unless they are told otherwise.
    """

    def call(self, x, training=None):
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x), training=False))
        x = self.drop1(x, training=training)
        return self.fc(self.drop2(self.flatten(self.pool(x)), training=training))


class FrozenFromHere(Dropping):
    """bn2 stays in evaluation mode, and with it, not meant, both dropouts."""

    def call(self, x):
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x), training=False))
        x = self.drop1(x)
        return self.fc(self.drop2(self.flatten(self.pool(x))))


class UnbiasedNorm(layers.BatchNormalization):
    """It keeps the unbiased running variance, as PyTorch does."""

    settings = {"eps": 1e-5, "keep": 0.9}

    def call(self, x, training=None):
        old = self.momentum * keras.ops.copy(self.moving_variance)
        y = super().call(x, training=training)
        if training:
            n = keras.ops.cast(keras.ops.size(x) // x.shape[-1], old.dtype)
            self.moving_variance.assign(old + (self.moving_variance - old) * n / (n - 1))
        return y


class OtherVariance(Dropping):
    def __init__(self):
        super().__init__()
        self.bn1 = UnbiasedNorm(epsilon=1e-5, momentum=0.9)


class DropsOnItsOwn(Dropping):
    """A mask that no other framework can know."""

    def call(self, x):
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x)))
        x = keras.random.dropout(self.drop1(x), 0.25)
        return self.fc(self.drop2(self.flatten(self.pool(x))))
