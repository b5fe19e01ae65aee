"""LeNet as it is taught: LeCun et al. 1998, Fig. 2, with relu and max pooling on 28x28 pixels."""

from common.spec import Spec, conv, dense, flatten, max_pool, relu

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
