"""A first convolutional network on MNIST: two convolutions, three dense layers."""

from common.spec import Spec, conv, dense, flatten, max_pool, relu

# No activation stands between the dense layers: the three of them are one linear map, which 10 x
# (400 + 1) parameters could hold as well.
MNIST_CNN = Spec(
    name="mnist-cnn",
    source="a beginner's net on MNIST, after LeCun et al. 1998, Fig. 2",
    inputs={"image": (1, 28, 28)},
    layers=(
        conv("conv1", 6, 3, padding=1, params=60),  # 6 x (1 x 9 + 1)
        relu("relu1"),
        max_pool("pool1", 2),
        conv("conv2", 16, 5, params=2_416),  # 16 x (6 x 25 + 1)
        relu("relu2"),
        max_pool("pool2", 2),
        flatten("flatten"),  # 16 x 5 x 5 = 400
        dense("fc1", 120, params=48_120),  # 120 x (400 + 1)
        dense("fc2", 84, params=10_164),  # 84 x (120 + 1)
        dense("fc3", 10, params=850),  # 10 x (84 + 1)
    ),
    params=61_610,
    data="mnist-5k",
    port="mnist_cnn:MnistCNN",
)

SPECS = (MNIST_CNN,)
