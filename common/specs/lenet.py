"""LeNet as it is taught: LeCun et al. 1998, Fig. 2, with max pooling and relu or sigmoid."""

from common.spec import Spec, conv, dense, flatten, max_pool, relu, sigmoid

# Where it departs from the paper ("Gradient-based learning applied to document recognition",
# Proc. IEEE 86(11), section II.B): the input is not padded to 32x32, so the maps are 4x4 where
# the paper has 5x5 and fc1 reads 256 values, not 400; pooling has no weights; conv2 reads all six
# maps where Table I connects fewer; relu for the scaled tanh; ten logits for the RBF units.
LENET = Spec(
    name="lenet",
    source="LeCun et al. 1998, Fig. 2; relu, max pooling, 28x28 input",
    inputs={"image": (1, 28, 28)},
    layers=(
        conv("conv1", 6, 5, params=156),  # 6 x (1 x 25 + 1)
        relu("relu1"),
        max_pool("pool1", 2),
        conv("conv2", 16, 5, params=2_416),  # 16 x (6 x 25 + 1)
        relu("relu2"),
        max_pool("pool2", 2),
        flatten("flatten"),  # 16 x 4 x 4 = 256
        dense("fc1", 120, params=30_840),  # 120 x (256 + 1)
        relu("relu3"),
        dense("fc2", 84, params=10_164),  # 84 x (120 + 1)
        relu("relu4"),
        dense("fc3", 10, params=850),  # 10 x (84 + 1)
    ),
    params=44_426,
    data="mnist-5k",
    port="lenet:LeNet",
)

# The same net before relu was the habit: as deep as sigmoids can be trained in a few epochs.
LENET_SIGMOID = Spec(
    name="lenet-sigmoid",
    source="LeCun et al. 1998, Fig. 2; sigmoid, max pooling, 28x28 input",
    inputs={"image": (1, 28, 28)},
    layers=(
        conv("conv1", 6, 5, params=156),  # 6 x (1 x 25 + 1)
        sigmoid("sigmoid1"),
        max_pool("pool1", 2),
        conv("conv2", 16, 5, params=2_416),  # 16 x (6 x 25 + 1)
        sigmoid("sigmoid2"),
        max_pool("pool2", 2),
        flatten("flatten"),  # 16 x 4 x 4 = 256
        dense("fc1", 120, params=30_840),  # 120 x (256 + 1)
        sigmoid("sigmoid3"),
        dense("fc2", 84, params=10_164),  # 84 x (120 + 1)
        sigmoid("sigmoid4"),
        dense("fc3", 10, params=850),  # 10 x (84 + 1)
    ),
    params=44_426,
    data="mnist-5k",
    port="lenet:LeNetSigmoid",
)

# 32x32 colour images, and with them the paper's 5x5 maps and 400 values before fc1.
LENET_RGB = Spec(
    name="lenet-rgb",
    source='PyTorch tutorial "Training a Classifier", class Net; relu, max pooling, 3x32x32 input',
    inputs={"image": (3, 32, 32)},
    layers=(
        conv("conv1", 6, 5, params=456),  # 6 x (3 x 25 + 1)
        relu("relu1"),
        max_pool("pool1", 2),
        conv("conv2", 16, 5, params=2_416),  # 16 x (6 x 25 + 1)
        relu("relu2"),
        max_pool("pool2", 2),
        flatten("flatten"),  # 16 x 5 x 5 = 400
        dense("fc1", 120, params=48_120),  # 120 x (400 + 1)
        relu("relu3"),
        dense("fc2", 84, params=10_164),  # 84 x (120 + 1)
        relu("relu4"),
        dense("fc3", 10, params=850),  # 10 x (84 + 1)
    ),
    params=62_006,
    data="mnist-5k",  # cifar10 as published, which is not at hand offline
    port="lenet:LeNetRGB",
)

SPECS = (LENET, LENET_SIGMOID, LENET_RGB)
