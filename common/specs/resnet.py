"""Residual networks for ImageNet: He et al. 2015, Table 1, as torchvision ships them."""

from common.spec import (
    Layer,
    Spec,
    add,
    batch_norm,
    conv,
    dense,
    flatten,
    global_avg_pool,
    max_pool,
    relu,
)

# Where it departs from the paper ("Deep Residual Learning for Image Recognition", arXiv:1512.03385,
# CVPR 2016): the stride of 2 sits on a bottleneck's 3x3 convolution ("v1.5"); the paper and its
# Caffe models have it on the first 1x1. Shapes and counts are the same, the numbers are not: the
# commonest fault of a ported resnet50. keras.applications.ResNet50 has the paper's stride, biases
# on all convolutions and eps=1.001e-5, so it is another network. Shortcuts are option B.


def resnet(name: str, counts: tuple[int, int, int, int], bottleneck: bool, params: int) -> Spec:
    """`counts` are the blocks of each stage, after which the paper names the columns."""
    layers = [
        conv("conv1", 64, 7, stride=2, padding=3, bias=False, params=9_408),  # 64 x 3 x 49
        batch_norm("bn1", eps=1e-5, keep=0.9, params=128),  # 2 x 64
        relu("relu1"),
        max_pool("pool1", 3, stride=2, padding=1),
    ]
    block = bottleneck_block if bottleneck else basic_block
    source, channels = "pool1", 64
    for stage, count in enumerate(counts):
        for index in range(count):
            path, stride = f"layer{stage + 1}.{index}", 2 if stage and not index else 1
            # The first stage of basic blocks keeps the shape already.
            projects = index == 0 and (stage > 0 or bottleneck)
            layers += block(path, source, channels, stride, projects)
            source = layers[-1].name
        channels *= 2
    features = 2048 if bottleneck else 512
    layers += [
        global_avg_pool("pool2"),
        flatten("flatten"),
        dense("fc", 1000, params=1000 * features + 1000),
    ]
    return Spec(
        name=name,
        source="He et al. 2015, Table 1; strides as in torchvision (v1.5)",
        inputs={"image": (3, 224, 224)},
        layers=tuple(layers),
        params=params,
        data="mnist-5k",
        port=f"resnet:ResNet{name.removeprefix('resnet')}",
    )


def basic_block(path: str, source: str, channels: int, stride: int, projects: bool) -> list[Layer]:
    """Fig. 5, left, with the shortcut after the two convolutions."""
    return [
        conv(f"{path}.conv1", channels, 3, stride=stride, padding=1, bias=False, reads=(source,)),
        batch_norm(f"{path}.bn1", eps=1e-5, keep=0.9),
        relu(f"{path}.relu1"),
        conv(f"{path}.conv2", channels, 3, padding=1, bias=False),
        batch_norm(f"{path}.bn2", eps=1e-5, keep=0.9),
        *(projection(path, source, channels, stride) if projects else []),
        add(f"{path}.add", reads=(f"{path}.bn2", f"{path}.shortcut.bn" if projects else source)),
        relu(f"{path}.relu2"),
    ]


def bottleneck_block(
    path: str, source: str, channels: int, stride: int, projects: bool
) -> list[Layer]:
    """Fig. 5, right; makes four times `channels`."""
    return [
        conv(f"{path}.conv1", channels, 1, bias=False, reads=(source,)),
        batch_norm(f"{path}.bn1", eps=1e-5, keep=0.9),
        relu(f"{path}.relu1"),
        conv(f"{path}.conv2", channels, 3, stride=stride, padding=1, bias=False),
        batch_norm(f"{path}.bn2", eps=1e-5, keep=0.9),
        relu(f"{path}.relu2"),
        conv(f"{path}.conv3", 4 * channels, 1, bias=False),
        batch_norm(f"{path}.bn3", eps=1e-5, keep=0.9),
        *(projection(path, source, 4 * channels, stride) if projects else []),
        add(f"{path}.add", reads=(f"{path}.bn3", f"{path}.shortcut.bn" if projects else source)),
        relu(f"{path}.relu3"),
    ]


def projection(path: str, source: str, channels: int, stride: int) -> list[Layer]:
    return [
        conv(f"{path}.shortcut.conv", channels, 1, stride=stride, bias=False, reads=(source,)),
        batch_norm(f"{path}.shortcut.bn", eps=1e-5, keep=0.9),
    ]


# Basic blocks, of c channels: 2 x 9cc + 4c. The first of stages 2 to 4 reads c/2 channels:
# 9(c/2)c + 9cc + 4c, and (c/2)c + 2c for the projection.
#   c    first      others
#   64      73,984     73,984
#   128    230,144    295,424
#   256    919,040  1,180,672
#   512  3,673,088  4,720,640
# With the stem, 9,408 + 128, and fc, 1000 x (512 + 1):
# resnet18: 9,536 + 2 x 73,984 + (230,144 + 295,424) + (919,040 + 1,180,672)
#           + (3,673,088 + 4,720,640) + 513,000
# resnet34: 9,536 + 3 x 73,984 + (230,144 + 3 x 295,424) + (919,040 + 5 x 1,180,672)
#           + (3,673,088 + 2 x 4,720,640) + 513,000
#
# Bottlenecks of c: 4cc + 9cc + 4cc + 12c. The first of stages 2 to 4 reads 2c channels (that of
# stage 1 reads 64, c of them): 2cc + 9cc + 4cc + 12c, and (2c)(4c) + 8c for the projection.
#   c    first       others
#   64      75,008      70,400
#   128    379,392     280,064
#   256  1,512,448   1,117,184
#   512  6,039,552   4,462,592
# fc: 1000 x (2048 + 1).
# resnet50:  9,536 + (75,008 + 2 x 70,400) + (379,392 + 3 x 280,064)
#            + (1,512,448 + 5 x 1,117,184) + (6,039,552 + 2 x 4,462,592) + 2,049,000
# resnet101: 17 more in stage 3, 17 x 1,117,184 = 18,992,128
# resnet152: 4 more in stage 2 and 13 more in stage 3, 4 x 280,064 + 13 x 1,117,184 = 15,643,648
RESNET18 = resnet("resnet18", (2, 2, 2, 2), bottleneck=False, params=11_689_512)
RESNET34 = resnet("resnet34", (3, 4, 6, 3), bottleneck=False, params=21_797_672)
RESNET50 = resnet("resnet50", (3, 4, 6, 3), bottleneck=True, params=25_557_032)
RESNET101 = resnet("resnet101", (3, 4, 23, 3), bottleneck=True, params=44_549_160)
RESNET152 = resnet("resnet152", (3, 8, 36, 3), bottleneck=True, params=60_192_808)

SPECS = (RESNET18, RESNET34, RESNET50, RESNET101, RESNET152)
