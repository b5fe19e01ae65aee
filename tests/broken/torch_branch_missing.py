"""The shortcut is given to the sum, and not added."""

from common.locate import locate
from torch_impl.layers import Add

Branches = locate(
    __file__.replace("broken/torch_branch_missing", "ports/branches_torch") + ":Branches"
)
EXPECT = {
    "side": "torch",
    "spec": "branches",
    "rung": 3,
    "layer": "total",
    "cause": "branch-missing",
}


class First(Add):
    def forward(self, a, b):
        return a + 0 * b


class Port(Branches):
    def __init__(self):
        super().__init__()
        self.total = First()
