"""Two inputs, each through a VGG block of its own, joined before one dense layer."""

from common.spec import Spec, concat, conv, dense, flatten, max_pool, relu

# A VGG block is some 3x3 convolutions with relu and one pooling at their end (Simonyan and
# Zisserman 2014, table 1, configuration A's "conv3-64").
TWO_BRANCH = Spec(
    name="two-branch",
    source="VGG blocks of Simonyan and Zisserman 2014, table 1, on the halves of an image",
    inputs={"left": (1, 28, 14), "right": (1, 28, 14)},
    layers=(
        conv("left1", 64, 3, padding=1, reads=("left",), params=640),  # 64 x (1 x 9 + 1)
        relu("left_relu1"),
        conv("left2", 64, 3, padding=1, params=36_928),  # 64 x (64 x 9 + 1)
        relu("left_relu2"),
        max_pool("left_pool", 2),
        conv("right1", 64, 3, padding=1, reads=("right",), params=640),
        relu("right_relu1"),
        conv("right2", 64, 3, padding=1, params=36_928),
        relu("right_relu2"),
        conv("right3", 64, 3, padding=1, params=36_928),
        relu("right_relu3"),
        max_pool("right_pool", 2),
        concat("join", reads=("left_pool", "right_pool")),
        flatten("flatten"),  # 128 x 14 x 7 = 12,544
        dense("fc", 10, params=125_450),  # 10 x (12,544 + 1)
    ),
    params=237_514,  # 2 x 640 + 3 x 36,928 + 125,450
    data="mnist-5k",
    port="two_branch:TwoBranch",
)

SPECS = (TWO_BRANCH,)
