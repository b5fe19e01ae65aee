"""Every layer is called by keyword."""

import keras
from keras import layers, ops


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(filters=5, kernel_size=3)
        self.bn = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
        self.pool = layers.MaxPooling2D(pool_size=2)
        self.flatten = layers.Flatten()
        self.fc = layers.Dense(units=4)

    def call(self, images, training=False):
        x = self.bn(inputs=self.conv(inputs=images), training=training)
        x = self.pool(inputs=ops.relu(x=x))
        return self.fc(inputs=self.flatten(inputs=x))
