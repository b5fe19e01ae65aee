"""The network of Keras' own first example on MNIST, with a hidden dense layer."""

from common.spec import Spec, conv, dense, flatten, max_pool, relu

# Departs from the example: a dense layer of 64 in place of dropout, and logits where the example
# has a softmax; its loss is then computed from logits, which loses no digits near 0 and 1.
KERAS_CNN = Spec(
    name="keras-cnn",
    source='Keras example "Simple MNIST convnet"; a dense layer of 64 where it has dropout',
    inputs={"image": (1, 28, 28)},
    layers=(
        conv("conv1", 32, 3, params=320),  # 32 x (1 x 9 + 1)
        relu("relu1"),
        max_pool("pool1", 2),
        conv("conv2", 64, 3, params=18_496),  # 64 x (32 x 9 + 1)
        relu("relu2"),
        max_pool("pool2", 2),  # 11x11 -> 5x5: the last row and column are read by nobody
        flatten("flatten"),  # 64 x 5 x 5 = 1,600
        dense("fc1", 64, params=102_464),  # 64 x (1,600 + 1)
        relu("relu3"),
        dense("fc2", 10, params=650),  # 10 x (64 + 1)
    ),
    params=121_930,
    data="mnist-5k",
    port="keras_cnn:KerasCNN",
)

SPECS = (KERAS_CNN,)
