"""GoogLeNet: Szegedy et al. 2014, Table 1, as torchvision ships it, without and with its heads."""

from common.spec import (
    Layer,
    Spec,
    adaptive_avg_pool,
    batch_norm,
    concat,
    conv,
    dense,
    dropout,
    flatten,
    global_avg_pool,
    max_pool,
    relu,
)

# Where it departs from the paper ("Going Deeper with Convolutions", arXiv:1409.4842, CVPR 2015):
# - batch norm (eps=1e-3) after each convolution, none of which has a bias; the paper has biases,
#   and local response normalisation before conv2 and after conv3;
# - the branch that Table 1 calls 5x5 has 3x3 kernels, as TensorFlow's model has, whose weights
#   torchvision took; a known bug that stays for their sake (pytorch/vision issue 906);
# - dropout of 0.2 before fc, the paper's is 0.4;
# - the heads' average pooling has 4x4 bins, the paper's 5x5 windows with a stride of 3: on 14x14
#   both make 4x4, the bins being [0, 4), [3, 7), [7, 11), [10, 14) and the windows all 5 wide.
# Pooling rounds up: 112 -> 56 where rounding down makes 55. Keras' "same" happens to agree with it
# on these sizes (it pads 0 before and 1 after), and does not on odd ones.
# The rows of Table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj
TABLE_1 = {
    "inception3a": (64, 96, 128, 16, 32, 32),
    "inception3b": (128, 128, 192, 32, 96, 64),
    "inception4a": (192, 96, 208, 16, 48, 64),
    "inception4b": (160, 112, 224, 24, 64, 64),
    "inception4c": (128, 128, 256, 24, 64, 64),
    "inception4d": (112, 144, 288, 32, 64, 64),
    "inception4e": (256, 160, 320, 32, 128, 128),
    "inception5a": (256, 160, 320, 32, 128, 128),
    "inception5b": (384, 192, 384, 48, 128, 128),
}


def block(
    path: str, channels: int, kernel: int, *, stride: int = 1, reads: tuple[str, ...] = ()
) -> list[Layer]:
    """Convolution, batch norm, relu."""
    return [
        conv(
            f"{path}.conv",
            channels,
            kernel,
            stride=stride,
            padding=kernel // 2,
            bias=False,
            reads=reads,
        ),
        batch_norm(f"{path}.bn", eps=1e-3, keep=0.9),
        relu(f"{path}.relu"),
    ]


def inception(path: str, source: str) -> list[Layer]:
    """Fig. 2(b): 1x1, 3x3, "5x5" and pooling, side by side."""
    one, three_reduce, three, five_reduce, five, pool_project = TABLE_1[path]
    branches = ("branch1", "branch2", "branch3", "branch4")
    return [
        *block(f"{path}.branch1", one, 1, reads=(source,)),
        *block(f"{path}.branch2_reduce", three_reduce, 1, reads=(source,)),
        *block(f"{path}.branch2", three, 3),
        *block(f"{path}.branch3_reduce", five_reduce, 1, reads=(source,)),
        *block(f"{path}.branch3", five, 3),
        max_pool(f"{path}.branch4_pool", 3, stride=1, padding=1, reads=(source,)),
        *block(f"{path}.branch4", pool_project, 1),
        concat(f"{path}.concat", reads=tuple(f"{path}.{branch}.relu" for branch in branches)),
    ]


def head(path: str, source: str) -> list[Layer]:
    """Section 5: a small classifier on maps half way through."""
    return [
        adaptive_avg_pool(f"{path}.pool", 4, reads=(source,)),
        *block(f"{path}.conv", 128, 1),
        flatten(f"{path}.flatten"),
        dense(f"{path}.fc1", 1024, params=2_098_176),  # 1024 x (2048 + 1)
        relu(f"{path}.relu"),
        dropout(f"{path}.dropout", 0.7),
        dense(f"{path}.fc2", 1000, params=1_025_000),  # 1000 x (1024 + 1)
    ]


def googlenet(heads: bool) -> tuple[Layer, ...]:
    """The heads where they run: after 4a and 4d."""
    return (
        *block("conv1", 64, 7, stride=2),
        max_pool("pool1", 3, stride=2, ceil=True),
        *block("conv2", 64, 1),
        *block("conv3", 192, 3),
        max_pool("pool2", 3, stride=2, ceil=True),
        *inception("inception3a", "pool2"),
        *inception("inception3b", "inception3a.concat"),
        max_pool("pool3", 3, stride=2, ceil=True),
        *inception("inception4a", "pool3"),
        *(head("aux1", "inception4a.concat") if heads else []),
        *inception("inception4b", "inception4a.concat"),
        *inception("inception4c", "inception4b.concat"),
        *inception("inception4d", "inception4c.concat"),
        *(head("aux2", "inception4d.concat") if heads else []),
        *inception("inception4e", "inception4d.concat"),
        max_pool("pool4", 2, stride=2, ceil=True),
        *inception("inception5a", "pool4"),
        *inception("inception5b", "inception5a.concat"),
        global_avg_pool("pool5"),
        flatten("flatten"),
        dropout("dropout", 0.2),
        dense("fc", 1000, params=1_025_000),  # 1000 x (1024 + 1)
    )


# Of a row a, b, c, d, e, f that reads n channels: n(a + b + d + f) + 9bc + 9de weights, and 2 of
# batch norm for each of a + b + c + d + e + f channels.
# conv1, conv2, conv3    9,536 + 4,224 + 110,976
# inception3a (192)      155,872    inception4d (512)        573,312
# inception3b (256)      340,224    inception4e (528)        803,840
# inception4a (480)      364,512    inception5a (832)        978,944
# inception4b (512)      425,232    inception5b (832)      1,347,040
# inception4c (512)      486,192    fc                     1,025,000
# Each head: n x 128 + 2 x 128 + 2,098,176 + 1,025,000, of n = 512 and 528:
# 3,188,968 + 3,191,016
GOOGLENET = Spec(
    name="googlenet",
    source="Szegedy et al. 2014, Table 1; batch norm and kernels as in torchvision",
    inputs={"image": (3, 224, 224)},
    layers=googlenet(heads=False),
    params=6_624_904,
    data="mnist-5k",
    port="googlenet:GoogLeNet",
)

GOOGLENET_AUX = Spec(
    name="googlenet-aux",
    source="Szegedy et al. 2014, Table 1 and section 5; as in torchvision, with both heads",
    inputs={"image": (3, 224, 224)},
    layers=googlenet(heads=True),
    params=13_004_888,
    outputs=("fc", "aux1.fc2", "aux2.fc2"),
    data="mnist-5k",
    port="googlenet:GoogLeNetAux",
)

SPECS = (GOOGLENET, GOOGLENET_AUX)
