"""AlexNet: Krizhevsky, Sutskever and Hinton 2012, Fig. 2, its two towers as groups."""

from common.spec import Spec, conv, dense, dropout, flatten, lrn, max_pool, relu

# The paper says 224x224 pixels, but (224 - 11) / 4 + 1 is no whole number: its 55x55 maps need 227,
# which the authors' own code read. A GPU of theirs is a group here: conv2, conv4 and conv5 read the
# maps of their own GPU alone, conv3 and the dense layers those of both (section 3.5).
# Commonly wrong: no groups (62,378,344 parameters); pooling before the normalisation, as in Caffe's
# CaffeNet (the paper: relu, then normalisation, then the pool); PyTorch's alpha for the paper's,
# which has no division by the size; dropout before fc6 (the paper: on the outputs of fc6 and fc7).
ALEXNET2012 = Spec(
    name="alexnet2012",
    source="Krizhevsky, Sutskever and Hinton 2012, Fig. 2 and sections 3.3 to 3.5; 227x227 input",
    inputs={"image": (3, 227, 227)},
    layers=(
        conv("conv1", 96, 11, stride=4, params=34_944),  # 96 x (3 x 121 + 1)
        relu("relu1"),
        lrn("norm1", 5, alpha=1e-4, beta=0.75, k=2.0),
        max_pool("pool1", 3, stride=2),  # windows overlap: 55x55 -> 27x27
        conv("conv2", 256, 5, padding=2, groups=2, params=307_456),  # 256 x (48 x 25 + 1)
        relu("relu2"),
        lrn("norm2", 5, alpha=1e-4, beta=0.75, k=2.0),
        max_pool("pool2", 3, stride=2),  # 27x27 -> 13x13
        conv("conv3", 384, 3, padding=1, params=885_120),  # 384 x (256 x 9 + 1)
        relu("relu3"),
        conv("conv4", 384, 3, padding=1, groups=2, params=663_936),  # 384 x (192 x 9 + 1)
        relu("relu4"),
        conv("conv5", 256, 3, padding=1, groups=2, params=442_624),  # 256 x (192 x 9 + 1)
        relu("relu5"),
        max_pool("pool5", 3, stride=2),  # 13x13 -> 6x6
        flatten("flatten"),  # 256 x 6 x 6 = 9,216
        dense("fc6", 4096, params=37_752_832),  # 4,096 x (9,216 + 1)
        relu("relu6"),
        dropout("dropout6", 0.5),
        dense("fc7", 4096, params=16_781_312),  # 4,096 x (4,096 + 1)
        relu("relu7"),
        dropout("dropout7", 0.5),
        dense("fc8", 1000, params=4_097_000),  # 1,000 x (4,096 + 1)
    ),
    params=60_965_224,
    data="mnist-5k",
    port="alexnet2012:AlexNet2012",
)

SPECS = (ALEXNET2012,)
