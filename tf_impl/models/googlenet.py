"""GoogLeNet: Szegedy et al. 2014, Table 1, as torchvision ships it.

Departs from the paper ("Going Deeper with Convolutions", arXiv:1409.4842): batch norm after each
convolution, which then needs no bias, where the paper has two response normalisations; 3x3 kernels
in the branch that Table 1 calls 5x5 (as in TensorFlow's model, whose weights torchvision took:
pytorch/vision issue 906); 0.2 for a dropout of 0.4; and the heads' pooling has 4x4 bins where the
paper's windows are 5x5 with a stride of 3, which makes 4x4 of 14x14 as well.
"""

from typing import Any

from keras import KerasTensor, Layer, Model, layers

from tf_impl.layers import PaddedConv2D, PaddedMaxPooling2D, channel_axis


class ConvBlock(Layer):
    """relu(bn(conv(x))), of the same height and width unless the stride is 2."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel_size: int,
        stride: int = 1,
        **named: Any,
    ) -> None:
        super().__init__(**named)
        self.conv = PaddedConv2D(  # "same" at stride 2 pads 2 before and 3 after, not 3 and 3
            channels,
            kernel_size=kernel_size,
            strides=stride,
            padding=kernel_size // 2,
            use_bias=False,
        )
        self.bn = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-3, momentum=0.9)
        self.relu = layers.ReLU()

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv(x)
        x = self.bn(x)
        return self.relu(x)


class Inception(Layer):
    """Fig. 2(b): four branches side by side. The numbers are those of a row of Table 1."""

    def __init__(
        self,
        in_channels: int,
        one: int,
        three_reduce: int,
        three: int,
        five_reduce: int,
        five: int,
        pool_project: int,
        **named: Any,
    ) -> None:
        super().__init__(**named)
        self.branch1 = ConvBlock(in_channels, one, kernel_size=1)
        self.branch2_reduce = ConvBlock(in_channels, three_reduce, kernel_size=1)
        self.branch2 = ConvBlock(three_reduce, three, kernel_size=3)
        self.branch3_reduce = ConvBlock(in_channels, five_reduce, kernel_size=1)
        self.branch3 = ConvBlock(five_reduce, five, kernel_size=3)  # the paper's is 5x5
        self.branch4_pool = layers.MaxPooling2D(pool_size=3, strides=1, padding="same")
        self.branch4 = ConvBlock(in_channels, pool_project, kernel_size=1)
        self.concat = layers.Concatenate(axis=channel_axis())

    def call(self, x: KerasTensor) -> KerasTensor:
        branch1 = self.branch1(x)
        branch2 = self.branch2_reduce(x)
        branch2 = self.branch2(branch2)
        branch3 = self.branch3_reduce(x)
        branch3 = self.branch3(branch3)
        branch4 = self.branch4_pool(x)
        branch4 = self.branch4(branch4)
        return self.concat([branch1, branch2, branch3, branch4])


class Head(Layer):
    """Section 5: a small classifier on maps half way through, for training."""

    def __init__(self, in_channels: int, **named: Any) -> None:
        super().__init__(**named)
        self.pool = layers.AdaptiveAveragePooling2D(4)
        self.conv = ConvBlock(in_channels, 128, kernel_size=1)
        self.flatten = layers.Flatten()
        self.fc1 = layers.Dense(1024)
        self.relu = layers.ReLU()
        self.dropout = layers.Dropout(0.7)
        self.fc2 = layers.Dense(1000)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.pool(x)  # (N, 4, 4, in_channels)
        x = self.conv(x)  # (N, 4, 4, 128)
        x = self.flatten(x)  # (N, 2048), a place's 128 channels side by side
        x = self.fc1(x)  # (N, 1024)
        x = self.relu(x)
        x = self.dropout(x)
        return self.fc2(x)  # (N, 1000)


class Network(Model):
    """(N, 224, 224, 3) -> logits (N, 1000); with `heads`, those of both heads beside them.

    The heads work in evaluation mode too, so that they can be looked at; torchvision's and the
    paper's work in training only.
    """

    def __init__(self, heads: bool, **named: Any) -> None:
        super().__init__(**named)
        self.conv1 = ConvBlock(3, 64, kernel_size=7, stride=2)
        self.pool1 = PaddedMaxPooling2D(pool_size=3, strides=2, padding=0, ceil=True)
        self.conv2 = ConvBlock(64, 64, kernel_size=1)
        self.conv3 = ConvBlock(64, 192, kernel_size=3)
        self.pool2 = PaddedMaxPooling2D(pool_size=3, strides=2, padding=0, ceil=True)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.pool3 = PaddedMaxPooling2D(pool_size=3, strides=2, padding=0, ceil=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.aux1 = Head(512) if heads else None
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.aux2 = Head(528) if heads else None
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.pool4 = PaddedMaxPooling2D(pool_size=2, strides=2, padding=0, ceil=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.pool5 = layers.GlobalAveragePooling2D(keepdims=True)
        self.flatten = layers.Flatten()
        self.dropout = layers.Dropout(0.2)
        self.fc = layers.Dense(1000)

    def call(self, x: KerasTensor) -> KerasTensor | tuple[KerasTensor, KerasTensor, KerasTensor]:
        x = self.conv1(x)  # (N, 112, 112, 64)
        x = self.pool1(x)  # (N, 56, 56, 64); the last windows overhang, here and below
        x = self.conv2(x)  # (N, 56, 56, 64)
        x = self.conv3(x)  # (N, 56, 56, 192)
        x = self.pool2(x)  # (N, 28, 28, 192)
        x = self.inception3a(x)  # (N, 28, 28, 256)
        x = self.inception3b(x)  # (N, 28, 28, 480)
        x = self.pool3(x)  # (N, 14, 14, 480)
        x = self.inception4a(x)  # (N, 14, 14, 512)
        aux1 = self.aux1(x) if self.aux1 is not None else None
        x = self.inception4b(x)  # (N, 14, 14, 512)
        x = self.inception4c(x)  # (N, 14, 14, 512)
        x = self.inception4d(x)  # (N, 14, 14, 528)
        aux2 = self.aux2(x) if self.aux2 is not None else None
        x = self.inception4e(x)  # (N, 14, 14, 832)
        x = self.pool4(x)  # (N, 7, 7, 832)
        x = self.inception5a(x)  # (N, 7, 7, 832)
        x = self.inception5b(x)  # (N, 7, 7, 1024)
        x = self.pool5(x)  # (N, 1, 1, 1024)
        x = self.flatten(x)  # (N, 1024)
        x = self.dropout(x)
        x = self.fc(x)  # (N, 1000)
        return x if aux1 is None or aux2 is None else (x, aux1, aux2)


class GoogLeNet(Network):
    def __init__(self, **named: Any) -> None:
        super().__init__(heads=False, **named)


class GoogLeNetAux(Network):
    def __init__(self, **named: Any) -> None:
        super().__init__(heads=True, **named)
