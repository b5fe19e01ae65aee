"""One convolution with batch norm on the 8x8 digits: the smallest net with a moving part."""

from common.spec import Spec, batch_norm, conv, dense, flatten, max_pool, relu, softmax

# The convolution has a bias although batch norm takes the mean, and with it the bias, away: in
# training its gradient is zero but for rounding.
DIGITS_CNN = Spec(
    name="digits-cnn",
    source="a small net for scikit-learn's digits; softmax output, binary cross-entropy",
    inputs={"image": (1, 8, 8)},
    layers=(
        conv("conv", 16, 5, padding=2, params=416),  # 16 x (1 x 25 + 1)
        batch_norm("bn", eps=1e-5, keep=0.9, params=32),  # and 32 running statistics
        relu("relu"),
        max_pool("pool", 2),
        flatten("flatten"),  # 16 x 4 x 4 = 256
        dense("fc", 10, params=2_570),  # 10 x (256 + 1)
        softmax("softmax"),
    ),
    params=3_018,
    data="digits",
    port="digits_cnn:DigitsCNN",
)

SPECS = (DIGITS_CNN,)
