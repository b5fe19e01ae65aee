"""Rung 0: the same tensors in the same layers, trained alike."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from compare.ports.fault import Fault, looks
from compare.ports.looks import SIDES, Look
from compare.ports.outputs import left_over
from compare.ports.pairing import Holder
from compare.ports.verify import Seen
from compare.verdict import Check, Verdict

SHOWN = 3  # names in a note


def structure(seen: Seen) -> tuple[Check, list[Fault]]:
    """Rung 0: the same tensors, trained alike."""
    faults = [*without_partner(seen), *other_tensors(seen), *trained_otherwise(seen)]
    counts = {side: counted(look) for side, look in looks(seen).items()}
    detail = "; ".join(
        f"{side} {trained:,} trainable and {other:,} other parameters"
        for side, (trained, other) in counts.items()
    )
    faults += other_counts(seen)
    verdict = Verdict.DIFFERENT if faults else Verdict.SAME
    carried = len(seen.moves.carried)
    said = faults[0].detail if faults else detail
    cover = (carried, max(len(look.graph.tensors) for look in looks(seen).values()))
    return Check("structure", 0, verdict, said, coverage=cover), faults


def other_counts(seen: Seen) -> Iterator[Fault]:
    """Outputs that one side returns besides."""
    sizes = [len(look.graph.outputs) for look in looks(seen).values()]
    alone = left_over(looks(seen), seen.outputs)
    if sizes[0] == sizes[1]:
        return
    for side, other in (("torch", "keras"), ("keras", "torch")):
        if not alone[side]:
            continue
        look = looks(seen)[side]
        makers = [look.net.maker.get(look.graph.outputs[name]) for name in alone[side]]
        names = {side: ", ".join(node.name for node in makers if node), other: ""}
        said = f"torch returns {sizes[0]} tensors, keras {sizes[1]}: nothing in {other} stands for "
        said += f"{side}'s output {', '.join(alone[side])}"
        yield Fault(0, names["torch"], names["keras"], None, said, cause="outputs")


def unrelated(seen: Seen) -> str:
    """Why two ports are no pair at all, in words; empty where they are one, right or wrong."""
    if said := unread(seen):
        return said
    lonely = {side: 0 for side in SIDES}
    for fault in without_partner(seen):
        lonely["torch" if fault.torch else "keras"] += 1
    total = {side: len(seen.pairs.pairs) + count for side, count in lonely.items()}
    if not any(count > total[side] / 2 for side, count in lonely.items()):
        return ""
    said = " and ".join(f"{lonely[side]} of {total[side]} layers of {side}" for side in SIDES)
    return f"{said} have no partner: two networks, unless --map says which layer is which"


LOOPS = {
    "torch": {"lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell"},
    "keras": {"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM2D", "ConvLSTM1D"},
}


# What a power iteration keeps: of Keras' SpectralNormalization, of PyTorch's two ways.
VECTOR = ("vector_u",)
POWER = ("weight_u", "parametrizations.weight.0._u")


def unread(seen: Seen) -> str:
    """What both ports hold that cannot be carried from one to the other, in words."""
    loops = {
        s: [h.node for h in getattr(seen.pairs, s) if h.node.kind in kinds]
        for s, kinds in LOOPS.items()
    }
    if all(loops.values()):
        names = [f"{s}'s {own[0].name} ({own[0].kind})" for s, own in loops.items()]
        return f"{' and '.join(names)}: the weights of recurrent layers cannot be carried over yet"
    spectral = [name for name in seen.keras.graph.tensors if name.endswith(VECTOR)]
    own = [name for name in seen.torch.graph.tensors if name.endswith(POWER)]
    if spectral and own:
        return (
            f"{own[0]} and {spectral[0]}: the weights of spectral norms cannot be carried over "
            "yet; verify ports without them"
        )
    made = [h.node for h in seen.pairs.torch if h.node.kind == "weight_norm"]
    if made and not any(h.node.kind == "weight_norm" for h in seen.pairs.keras):
        layer = made[0].name.partition(".parametrizations")[0]
        said = (
            f"torch makes the weights of {layer} anew at each run (weight_norm), keras holds them"
        )
        return f"{said}: verify what torch.nn.utils.parametrize.remove_parametrizations leaves"
    return ""


def counted(look: Look) -> tuple[int, int]:
    """Trainable and other parameters."""
    held = look.graph.tensors.values()
    return (
        sum(prod(t.shape) for t in held if t.trainable),
        sum(prod(t.shape) for t in held if not t.trainable),
    )


def without_partner(seen: Seen) -> Iterator[Fault]:
    """Layers with tensors that the other port does not have."""
    for side, other in (("torch", "keras"), ("keras", "torch")):
        for holder in getattr(seen.pairs, side):
            if is_constant(looks(seen)[side], holder) or not holder.live:
                continue
            count = sum(map(prod, holder.shapes.values()))
            said = f"{side}'s {holder.node.name} ({holder.node.kind}, {count:,} parameters)"
            names = {side: holder.node.name, other: ""}
            detail = f"{said} has no partner in {other}"
            yield Fault(0, names["torch"], names["keras"], None, detail, cause="layer-missing")


def unused(seen: Seen) -> Iterator[str]:
    """The parameters of each side that lead to no output, and stand for none of the other's."""
    for side, look in looks(seen).items():
        alone = getattr(seen.moves, side)
        used = {t for n in look.graph.nodes if n.name in look.net.live for t in n.tensors.values()}
        left = {name: look.graph.tensors[name] for name in alone if name not in used}
        count = sum(prod(t.shape) for t in left.values() if t.trainable)
        if count:
            names = ", ".join([*left][:SHOWN]) + (", ..." if len(left) > SHOWN else "")
            said = f"{count:,} of {side}'s trainable parameters ({names}) lead to no output"
            yield f"{said}: not compared"


def is_constant(look: Look, holder: Holder) -> bool:
    """Whether nothing that it holds is ever changed: the other port may have it in its code."""
    return all(never_changes(look, role, name) for role, name in holder.tensors.items())


def never_changes(look: Look, role: str, name: str) -> bool:
    """Whether a tensor stays what it was built as, as a mask does."""
    tensor = look.graph.tensors[name]
    known = role in {"weight", "bias", "scale", "shift"}
    return not (known or tensor.trainable or tensor.statistic)


def other_tensors(seen: Seen) -> Iterator[Fault]:
    """Tensors of pairs that the other layer does not have, or has in another shape."""
    for pair in seen.pairs.pairs:
        held = {side: getattr(pair, side) for side in ("torch", "keras")}
        for side, other in (("torch", "keras"), ("keras", "torch")):
            for role, name in held[side].tensors.items():
                why = getattr(seen.moves, side).get(name)
                if why is None or (side == "keras" and role in held["torch"].tensors):
                    continue
                lacking = role not in held[other].tensors
                if lacking and never_changes(looks(seen)[side], role, name):
                    continue  # the other port may have it in its code
                cause = f"{role}-missing" if lacking else "tensor-shape"
                yield Fault(
                    0,
                    held["torch"].node.name,
                    held["keras"].node.name,
                    None,
                    f"{side}'s {name} {why}",
                    cause=lacking_cause(held[side], held[other], role) if lacking else cause,
                )


def lacking_cause(holder: Holder, other: Holder, role: str) -> str:
    """The id of a tensor that one side has and the other has not."""
    if role == "bias":
        return "bias"
    kinds = {holder.node.kind, other.node.kind}
    if len(kinds) == 2 and all(kind.endswith("norm") for kind in kinds):
        return "other-layer"  # a norm over groups has no running statistics to lack
    if role in ("mean", "var"):  # a norm without them takes those of the batch
        return "batch-statistics"
    return "bn-affine-flags" if holder.node.kind == "batch_norm" else "tensor-missing"


def trained_otherwise(seen: Seen) -> Iterator[Fault]:
    """Tensors that one side trains and the other does not."""
    layers = {c.torch: h for h in (p.torch for p in seen.pairs.pairs) for c in seen.moves.carried
              if c.torch in h.tensors.values()}  # fmt: skip
    for carried in seen.moves.carried:
        ours = seen.torch.graph.tensors[carried.torch]
        theirs = seen.keras.graph.tensors[carried.keras]
        if ours.trainable != theirs.trainable:
            side, other = ("torch", "keras") if ours.trainable else ("keras", "torch")
            name = layers[carried.torch].node.name if carried.torch in layers else carried.torch
            detail = f"{side} trains {carried.torch if side == 'torch' else carried.keras}, {other}"
            yield Fault(0, name, name_of_keras(seen, carried.keras), None,
                        f"{detail} does not", cause="frozen")  # fmt: skip


def name_of_keras(seen: Seen, tensor: str) -> str:
    return next(
        (p.keras.node.name for p in seen.pairs.pairs if tensor in p.keras.tensors.values()), tensor
    )
