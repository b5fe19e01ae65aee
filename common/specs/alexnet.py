"""AlexNet with one tower: Krizhevsky 2014, "One weird trick", as torchvision ships it."""

from common.spec import Spec, adaptive_avg_pool, conv, dense, dropout, flatten, max_pool, relu

# Not the network of 2012, see alexnet2012.py: fewer channels, no groups, no response normalisation,
# and padding of 2 in conv1, with which 224 pixels do give 55 places. Departs from the paper as
# torchvision does: conv4 has 256 channels, as in Krizhevsky's code, where footnote 1 says 384 (its
# "0.2% more parameters" than the two towers is true of 256; of 384 it were 1.4%); adaptive pooling;
# dropout before fc6 and fc7, where the network of 2012 has it behind them; softmax.
ALEXNET = Spec(
    name="alexnet",
    source='Krizhevsky 2014, "One weird trick" (arXiv:1404.5997), as in torchvision',
    inputs={"image": (3, 224, 224)},
    layers=(
        conv("conv1", 64, 11, stride=4, padding=2, params=23_296),  # 64 x (3 x 121 + 1)
        relu("relu1"),
        max_pool("pool1", 3, stride=2),
        conv("conv2", 192, 5, padding=2, params=307_392),  # 192 x (64 x 25 + 1)
        relu("relu2"),
        max_pool("pool2", 3, stride=2),
        conv("conv3", 384, 3, padding=1, params=663_936),  # 384 x (192 x 9 + 1)
        relu("relu3"),
        conv("conv4", 256, 3, padding=1, params=884_992),  # 256 x (384 x 9 + 1)
        relu("relu4"),
        conv("conv5", 256, 3, padding=1, params=590_080),  # 256 x (256 x 9 + 1)
        relu("relu5"),
        max_pool("pool5", 3, stride=2),
        adaptive_avg_pool("avgpool", 6),  # hands the 6x6 maps of 224 pixels on as they are
        flatten("flatten"),  # 256 x 6 x 6 = 9,216
        dropout("dropout6", 0.5),
        dense("fc6", 4096, params=37_752_832),  # 4,096 x (9,216 + 1)
        relu("relu6"),
        dropout("dropout7", 0.5),
        dense("fc7", 4096, params=16_781_312),  # 4,096 x (4,096 + 1)
        relu("relu7"),
        dense("fc8", 1000, params=4_097_000),  # 1,000 x (4,096 + 1)
    ),
    params=61_100_840,
    data="mnist-5k",
    port="alexnet:AlexNet",
)

SPECS = (ALEXNET,)
