"""The same."""

import keras
from keras import layers


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.flatten = layers.Flatten()
        self.fc1 = layers.Dense(16, use_bias=False)
        self.bn1 = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
        self.drop = layers.Dropout(rate=0.2)
        self.fc2 = layers.Dense(12)
        self.bn2 = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, center=False, scale=False)
        self.fc3 = layers.Dense(5)
        self.relu = layers.ReLU()

    def call(self, x, training=False):
        x = self.relu(self.bn1(self.fc1(self.flatten(x)), training=training))
        x = self.drop(x, training=training)
        x = self.relu(self.bn2(self.fc2(x), training=training))
        return self.fc3(x)
