"""A layer that is not trained."""

from tf_impl.models.lenet import LeNet

EXPECT = {"side": "keras", "spec": "lenet", "rung": 0, "layer": "fc2", "cause": "frozen"}


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.fc2.trainable = False
