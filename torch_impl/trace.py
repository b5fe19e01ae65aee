"""Records one forward and backward pass of a PyTorch port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from common import tensors
from common.draws import draws, dropout_shapes
from common.job import TraceJob, spec_of
from common.result import Recorder
from common.serve import Emit
from common.spec import Spec
from torch_impl import attributes, device, dropout, losses, names


def trace(job: TraceJob, progress: Emit) -> dict[str, Any]:
    """Runs the port once and writes its trace."""
    spec = spec_of(job.build)
    model, not_loaded = device.build(job.build)
    model.train(job.training)
    recorder = Recorder(spec, "nchw", job.build.dtype)
    recorder.trace.not_loaded = not_loaded
    recorder.trace.structure = names.structure(model)

    probe = tensors.load(Path(job.probe))
    inputs = {name: device.tensor(probe[name], job.build) for name in spec.inputs}
    for name, x in inputs.items():
        recorder.input(name, names.canonical(x))
        x.requires_grad_(True)

    if job.training:
        share_draws(model, spec, job, len(probe["labels"]))
    outputs, handles = watch(model, recorder)
    returned = losses.listed(model(*inputs.values()))
    for handle in handles:
        handle.remove()
    recorder.returned(*(names.canonical(output) for output in returned))
    labels = device.tensor(probe["labels"], job.build)
    loss = losses.total(job.loss, job.shares, returned, labels)
    loss.backward()
    record_gradients(recorder, model, inputs, outputs)
    recorder.loss(float(loss))
    recorder.statistics(names.statistics(model))
    recorder.trace.save(Path(job.out))
    return {}


def share_draws(model: nn.Module, spec: Spec, job: TraceJob, batch: int) -> None:
    """Dropout takes the project's numbers of the first step."""
    shapes = dropout_shapes(spec)
    shared = dropout.share(model, shapes)
    for name, drawn in draws(shapes, job.seed, 0, batch).items():
        shared[name] = torch.from_numpy(drawn).to(job.build.device)


def watch(model: nn.Module, recorder: Recorder) -> tuple[dict[str, torch.Tensor], list[Any]]:
    """Hooks every leaf. Returns the outputs, filled as the model runs, and the hooks."""
    outputs: dict[str, torch.Tensor] = {}

    def hook_for(path: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> None:
            reads = [names.canonical(x) for x in flat(args)]
            wrote = names.canonical(output)
            name = recorder.call(path, reads, wrote)
            recorder.settings(name, *attributes.read(module, reads, wrote))
            if output.requires_grad:
                output.retain_grad()
            outputs[name] = output

        return hook

    leaves = names.leaves(model)
    return outputs, [m.register_forward_hook(hook_for(path)) for path, m in leaves.items()]


def flat(args: Any) -> list[torch.Tensor]:
    """The tensors among a layer's arguments, lists of them opened."""
    if isinstance(args, torch.Tensor):
        return [args]
    return [x for arg in args for x in flat(arg)] if isinstance(args, (tuple, list)) else []


def record_gradients(
    recorder: Recorder,
    model: nn.Module,
    inputs: dict[str, torch.Tensor],
    outputs: dict[str, torch.Tensor],
) -> None:
    """Keeps every gradient that exists; one that does not is left out, never taken for zero."""
    for name, x in inputs.items():
        if x.grad is not None:
            recorder.gradient_of_input(name, names.canonical(x.grad))
    for path, output in outputs.items():
        if output.requires_grad and output.grad is not None:
            recorder.gradient_of_output(path, names.canonical(output.grad))
    recorder.gradients(
        {
            name: names.canonical(tensor.grad)
            for name, tensor in names.tensors(model).items()
            if isinstance(tensor, nn.Parameter) and tensor.grad is not None
        }
    )
