"""The 20-layer residual network for CIFAR-10: He et al. 2015, section 4.2, n = 3."""

from common.spec import (
    Layer,
    Spec,
    add,
    batch_norm,
    conv,
    dense,
    flatten,
    global_avg_pool,
    padded_shortcut,
    relu,
)

# Shortcuts are option A: "identity shortcuts in all cases (i.e., option A)" (section 4.2). Copies
# often have option B, 1x1 convolutions with batch norm, 2,752 parameters more: another network.
# Where the zeros of option A go is open; a common copy puts half of them before the maps, which is
# the same network under other channel numbers, but not with the same weights. Another common
# copy takes resnet18's layout of 64 to 512 channels: 11 million parameters, not 0.27 million.


def block(path: str, source: str, channels: int, stride: int) -> list[Layer]:
    """Two 3x3 convolutions and their shortcut; a stride of 2 doubles the channels."""
    shrinks = stride != 1
    return [
        conv(f"{path}.conv1", channels, 3, stride=stride, padding=1, bias=False, reads=(source,)),
        batch_norm(f"{path}.bn1", eps=1e-5, keep=0.9),
        relu(f"{path}.relu1"),
        conv(f"{path}.conv2", channels, 3, padding=1, bias=False),
        batch_norm(f"{path}.bn2", eps=1e-5, keep=0.9),
        *(
            [padded_shortcut(f"{path}.shortcut", channels, stride, reads=(source,))]
            if shrinks
            else []
        ),
        add(f"{path}.add", reads=(f"{path}.bn2", f"{path}.shortcut" if shrinks else source)),
        relu(f"{path}.relu2"),
    ]


RESNET20_CIFAR = Spec(
    name="resnet20-cifar",
    source="He et al. 2015, section 4.2, n = 3, shortcuts of option A",
    inputs={"image": (3, 32, 32)},
    layers=(
        conv("conv1", 16, 3, padding=1, bias=False, params=432),  # 16 x 3 x 9
        batch_norm("bn1", eps=1e-5, keep=0.9, params=32),
        relu("relu1"),
        *block("layer1.0", "relu1", 16, stride=1),
        *block("layer1.1", "layer1.0.relu2", 16, stride=1),
        *block("layer1.2", "layer1.1.relu2", 16, stride=1),
        *block("layer2.0", "layer1.2.relu2", 32, stride=2),
        *block("layer2.1", "layer2.0.relu2", 32, stride=1),
        *block("layer2.2", "layer2.1.relu2", 32, stride=1),
        *block("layer3.0", "layer2.2.relu2", 64, stride=2),
        *block("layer3.1", "layer3.0.relu2", 64, stride=1),
        *block("layer3.2", "layer3.1.relu2", 64, stride=1),
        global_avg_pool("pool"),
        flatten("flatten"),
        dense("fc", 10, params=650),  # 10 x (64 + 1)
    ),
    # 464, and 6 x 16 x 16 x 9 + 6 x 32 = 14,016 of stage 1,
    # 16 x 32 x 9 + 5 x 32 x 32 x 9 + 6 x 64 = 51,072 of stage 2,
    # 32 x 64 x 9 + 5 x 64 x 64 x 9 + 6 x 128 = 203,520 of stage 3, and 650: the paper's 0.27M
    params=269_722,
    data="mnist-5k",
    port="resnet_cifar:ResNetCifar",
)

SPECS = (RESNET20_CIFAR,)
