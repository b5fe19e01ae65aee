"""Every number that decides a verdict, with the measurement that set it.

Errors are relative: max |a - b| / max |b| over a tensor. Rounding shrinks by nine decades from
float32 to float64 and a fault does not, so float64 decides, and its bounds lie decades away from
both: the largest error of right ports, measured on LeNet and on the tests' net with batch norm,
shortcut and branches, 20 seeds each, CPU, torch 2.10 and TensorFlow 2.20; and the smallest fault
of tests/broken, a batch-norm epsilon that is 1% off.
"""

# Right ports: 2.0e-15 from each other, 1.7e-15 from the reference by layer. An epsilon of 1.01e-5
# for 1e-5: 5e-8 at least, at its layer (3 seeds). Thirty convolutions in a row: 1.3e-14.
FORWARD_FLOAT64 = 1e-12

# Right ports: 7.1e-15 from each other, 5.1e-15 in the adjoint identity by layer. Deep nets lose
# more on the way back: 1.0e-12 over 13 convolutions with batch norm.
GRADIENT_FLOAT64 = 1e-10

# A layer by itself, on its own float32 inputs, against the reference in float64: 6.8e-7 at most,
# whatever came before it. It catches what exists in float32 alone: a dense layer that rounds its
# inputs to bfloat16 errs by 1.7e-3 at least (3 seeds).
FORWARD_FLOAT32 = 1e-5

# Of two ports, a part that computes in float32 although it was asked for float64: how many of its
# own units two right ones may be apart (compare/ports/short.py), forward and back. Right pairs made
# to run in float32 alone, 2 seeds each: 4.9 and 12.6 at most (vgg11-cifar; 2.5 and 4.3 in lenet5,
# resnet20-cifar and six small nets). An epsilon of 1e-3 for 1e-5 is 150 units off, and more.
SHORT_UNITS, SHORT_UNITS_BACK = 32, 64

# A part that moves by more than this with one last place tells nothing.
SHORT_LARGEST = 1e-3

# A running statistic of such a part: 2e-5 of what a batch brings in, where it keeps 0.99. Momenta
# of 0.9 and 0.99 are 0.3 apart.
SHORT_STATISTIC = 1e-3

# Outputs of a whole net that has one; and its gradients in bulk: the factor between the two sides.
# Single numbers of right gradients were up to 0.14 apart, where a ReLU or a maximum went another
# way; that factor was 5e-3 off at most (vgg11-cifar). A gradient halved on the way is 0.5 off.
SHORT_WHOLE, SHORT_WHOLE_BACK = 1e-2, 0.1

# The adjoint identity on float32 tensors: 2.2e-6 at most.
GRADIENT_FLOAT32 = 1e-4

# Outputs and gradients of a whole net in training mode, where batch norms of a few values multiply
# every rounding: 1.8e-14 at most in vgg11-cifar. A layer by itself is held to the two above.
TRAINING_FLOAT64 = 1e-9

# What one batch brings into a running statistic, against the batch's own. Keras' and PyTorch's
# momenta 0.9 and 0.99 are decades apart, and so are a share kept in float32 and 0.9 itself: 2e-8.
STATISTIC_FLOAT64 = 1e-9

# Outputs of a verified pair with carried weights. Right ports: 1e-14, and 1e-9 where a framework
# holds an activation's constant in float32. A tensor that went wrong shows in the first digits.
CARRIED_FLOAT64 = 1e-6

# The change of every tensor in one step of SGD with momentum, and over ten short ones: 6e-14 at
# most over 17 networks of up to 34 weight layers, 6.5e-13 for ResNet-50, 3.7e-12 for 101, 1.4e-11
# for 152 (one seed each). A learning rate rounded to float32 on one side only is 6e-8 off.
STEP_FLOAT64 = 1e-10

# The first change of a tensor in float32 against the same port's in float64, of the tensor that is
# closest: 5.3e-7 at most, 20 networks. It catches a training that is right in float64 alone: one in
# bfloat16 is 2e-3 off and more in every tensor.
STEP_CLOSEST = 1e-5

# Every quantity of a hundred steps in float64, against the other side's: 1e-14 at most in a net
# that does not multiply its roundings (LeNet, mnist-cnn, keras-cnn, with SGD and with Adam). A rate
# rounded to float32 on one side only is 6e-8 off in the first step.
TRAJECTORY_FLOAT64 = 1e-11

# What a right port may be more apart than one side is from itself after a nudge: 5 times at most.
ENVELOPE = 100

# Losses in float32 are equal for as long as they are this close; and a right port's are so for at
# least a third of the steps that one side's own are after a nudge, less ten: two frameworks round
# otherwise in every operation. 12 steps to 16 (resnet20-cifar), 26 to 34 (lenet5), else 100 to 100.
HORIZON = 1e-2
SOONER, SLACK = 3, 10

# A side's step against the recipe's formula on its own gradients, slots and weights.
UPDATE_FLOAT64 = 1e-9

# Of the weight's own last place, which a right step may be off by.
ROUNDINGS = 4

# Accuracies of two right trainings, one seed: 0.003 apart at most (LeNet, seeds 0 to 4). Other
# initial weights alone move small nets by 0.01 (standard deviation). A gap of 0.05 has a reason,
# where the test images are not so few that three standard deviations of their sampling are more.
OUTCOME_GAP = 0.05

# A float32 loss over the test images, against the same in float64: 2.1e-7 at most (5 seeds).
REPORTED_LOSS = 1e-4

# The change of every parameter over ten steps of an optimizer that divides by a gradient, which may
# be as small as its eps: 5.1e-11 at most (Adam, keras-cnn). Keras' own formula is 1e-3 off or more.
STEP_ADAPTIVE = 1e-6

# ---- several seeds

# Of each one-sided test, and 1 - the coverage of the interval: the custom of the field. POWER is
# what the number of seeds still needed is worked out for.
ALPHA, POWER = 0.05, 0.8

# From two differences the spread is hardly known: by chance it comes out under a tenth of the true
# one in 8% of runs, and accuracies counted in whole images are often equal.
FEWEST_SEEDS = 3
