"""Everything is a layer."""

import keras
from keras import layers


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.stem = layers.Conv2D(6, 3, padding="same")
        self.stem_relu = layers.ReLU()
        self.stem_pool = layers.MaxPooling2D(2)
        self.a = layers.Conv2D(6, 3, padding="same")
        self.a_relu = layers.Activation("relu")
        self.add = layers.Add()
        self.b = layers.Conv2D(4, 1)
        self.b_elu = layers.ELU()
        self.concat = layers.Concatenate()
        self.pool = layers.AveragePooling2D(2)
        self.flatten = layers.Flatten()
        self.dropout = layers.Dropout(0.25)
        self.fc = layers.Dense(7)

    def call(self, inputs):
        x = self.stem_pool(self.stem_relu(self.stem(inputs)))
        x = self.add([self.a_relu(self.a(x)), x])
        x = self.concat([x, self.b_elu(self.b(x))])
        x = self.dropout(self.flatten(self.pool(x)))
        return self.fc(x)
