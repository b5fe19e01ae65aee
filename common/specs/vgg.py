"""VGG: Simonyan and Zisserman 2014, Table 1, as published, with batch norm, and for CIFAR-10."""

from common.spec import (
    Layer,
    Spec,
    adaptive_avg_pool,
    batch_norm,
    conv,
    dense,
    dropout,
    flatten,
    max_pool,
    relu,
)

SOURCE = "Simonyan and Zisserman 2014 (arXiv:1409.1556), Table 1, configuration"

# 3x3 convolutions of each of the five blocks, by depth: 11 = 8 of them and three dense layers.
# Configuration C, with 1x1 convolutions, has 16 layers too; "VGG16" is D.
CONFIGURATIONS = {11: "A", 13: "B", 16: "D", 19: "E"}
CONVS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)

CONV_PARAMS = {  # (in, out): out x (in x 9 + 1)
    (3, 64): 1_792,
    (64, 64): 36_928,
    (64, 128): 73_856,
    (128, 128): 147_584,
    (128, 256): 295_168,
    (256, 256): 590_080,
    (256, 512): 1_180_160,
    (512, 512): 2_359_808,
}

# Without the norms: the convolutions and 123,642,856 in three dense layers. The paper's Table 2
# says 133, 133, 138 and 144 million.
PARAMS = {
    11: 132_863_336,  # 9,220,480 in convolutions
    13: 133_047_848,  # 9,404,992
    16: 138_357_544,  # 14,714,688
    19: 143_667_240,  # 20,024,384
}
# Two numbers more for each of 2,752, 2,944, 4,224 and 5,504 channels.
PARAMS_BN = {11: 132_868_840, 13: 133_053_736, 16: 138_365_992, 19: 143_678_248}
# As many in convolutions and norms, and 5,130 for the dense layer.
PARAMS_CIFAR = {11: 9_231_114, 13: 9_416_010, 16: 14_728_266, 19: 20_040_522}


def block(number: int, in_channels: int, channels: int, convs: int, norm: bool) -> list[Layer]:
    """3x3 convolutions that keep height and width, each with relu, then a pool that halves them."""
    layers = []
    for i in range(convs):
        params = CONV_PARAMS[channels if i else in_channels, channels]
        layers.append(conv(f"block{number}.conv.{i}", channels, 3, padding=1, params=params))
        if norm:  # the convolution keeps its bias, though the norm's shift could stand for it
            name = f"block{number}.bn.{i}"
            layers.append(batch_norm(name, eps=1e-5, keep=0.9, params=2 * channels))
        layers.append(relu(f"block{number}.relu.{i}"))
    return [*layers, max_pool(f"block{number}.pool", 2)]


def blocks(depth: int, norm: bool) -> list[Layer]:
    """(3, H, W) -> (512, H/32, W/32)."""
    reads = (3, *CHANNELS[:-1])
    rows = zip(reads, CHANNELS, CONVS[depth], strict=True)
    return [layer for number, row in enumerate(rows, 1) for layer in block(number, *row, norm)]


def vgg(depth: int, norm: bool) -> Spec:
    """The paper's network, with adaptive pooling so that it reads other sizes too.

    On 224x224 pixels the last maps are 7x7 and the adaptive pool hands them on as they are.
    """
    return Spec(
        name=f"vgg{depth}-bn" if norm else f"vgg{depth}",
        source=f"{SOURCE} {CONFIGURATIONS[depth]}{'; batch norm as in torchvision' * norm}",
        inputs={"image": (3, 224, 224)},
        layers=(
            *blocks(depth, norm),
            adaptive_avg_pool("avgpool", 7),
            flatten("flatten"),  # 512 x 7 x 7 = 25,088
            dense("fc6", 4096, params=102_764_544),  # 4,096 x (25,088 + 1)
            relu("relu6"),
            dropout("dropout6", 0.5),
            dense("fc7", 4096, params=16_781_312),  # 4,096 x (4,096 + 1)
            relu("relu7"),
            dropout("dropout7", 0.5),
            dense("fc8", 1000, params=4_097_000),  # 1,000 x (4,096 + 1)
        ),
        params=(PARAMS_BN if norm else PARAMS)[depth],
        data="mnist-5k",
        port=f"vgg:VGG{depth}BN" if norm else f"vgg:VGG{depth}",
    )


def vgg_cifar(depth: int) -> Spec:
    """The convolutions on 32x32 pixels, which leave 1x1 maps: one dense layer reads them.

    The usual network of CIFAR-10; its authors are others than the paper's.
    """
    return Spec(
        name=f"vgg{depth}-cifar",
        source=f"{SOURCE} {CONFIGURATIONS[depth]}, its convolutions; batch norm, one dense layer",
        inputs={"image": (3, 32, 32)},
        layers=(
            *blocks(depth, norm=True),
            flatten("flatten"),  # 512 x 1 x 1 = 512
            dense("fc", 10, params=5_130),  # 10 x (512 + 1)
        ),
        params=PARAMS_CIFAR[depth],
        data="mnist-5k",
        port=f"vgg:VGG{depth}Cifar",
    )


SPECS = (
    *(vgg(depth, norm=False) for depth in CONVS),
    *(vgg(depth, norm=True) for depth in CONVS),
    *(vgg_cifar(depth) for depth in CONVS),
)
