"""The same block, shortcut first, its layers made from the last to the first."""

from keras import Model, layers, ops


def batch_norm():
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)


class Port(Model):
    def __init__(self):
        super().__init__()
        self.fc = layers.Dense(3)
        self.pool = layers.GlobalAveragePooling2D()
        self.bn2 = batch_norm()
        self.conv2 = layers.Conv2D(6, 3, padding="same", use_bias=False)
        self.bn1 = batch_norm()
        self.conv1 = layers.Conv2D(6, 3, strides=2, use_bias=False)
        self.pad = layers.ZeroPadding2D(1)
        self.shortcut_bn = batch_norm()
        self.shortcut_conv = layers.Conv2D(6, 1, strides=2, use_bias=False)

    def call(self, x):
        shortcut = self.shortcut_bn(self.shortcut_conv(x))
        x = ops.relu(self.bn1(self.conv1(self.pad(x))))
        x = self.bn2(self.conv2(x))
        return self.fc(self.pool(ops.relu(shortcut + x)))
