"""Share of a step's time per kind of kernel, by torch's profiler."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from .sitting import MEASURED, Row, Sitting, not_run

PART = "kernels"
_STEPS = 10
# The first kind whose pattern occurs in the name of an operation, or of a kernel where operations have no times.
KINDS = {
    "matrix products": r"::(mm|addmm|bmm|baddbmm|addmm_|matmul|linear|mkldnn_linear)$|gemm|cutlass|cublas|nvjet|splitK",
    "loss": r"log_softmax|nll_loss|::gather|scatter|LogSoftMax",
    "attention": r"softmax|scaled_dot_product|SoftMax|flash|masked_fill",
    "norms": r"layer_norm|rms_norm|LayerNorm|GammaBeta",
    "optimizer and clipping": r"[Aa]dam|_foreach_(norm|mul|add|div|lerp|sqrt)|vector_norm|multi_tensor|lpnorm",
    "embedding": r"embedding|index_select|index_put|indexSelect",
    "copies": r"copy|::clone|::cat$|::fill_|::zero_|_local_scalar_dense|Memcpy|Memset|CatArray|FillFunctor",
    "elementwise and sums": (
        r"::(mul|add|sub|div|sum|mean|sigmoid|tanh|pow|gelu|addc|rsqrt|exp|neg|sqrt|where|maximum|clamp)|elementwise|reduce"
    ),
}
OTHER, IDLE = "other operations", "launches and idle"


def kind(name: str) -> str:
    """The kind of an operation or a kernel.

    Examples
    --------
    >>> [kind(name) for name in ("aten::addmm", "aten::_log_softmax", "aten::_softmax", "Memcpy DtoH", "aten::view")]
    ['matrix products', 'loss', 'attention', 'copies', 'other operations']
    """
    return next((label for label, pattern in KINDS.items() if re.search(pattern, name)), OTHER)


def shares(sitting: Sitting, compute: str) -> Iterator[Row]:
    """One row: where the time of unrecorded steps goes."""
    what = f"share of a step, compute {compute}"
    if sitting.device.type == "mps":
        yield not_run(PART, what, "torch's profiler measures no kernels on MPS")
        return
    training = sitting.training(compute, extra="")
    began = time.perf_counter()
    for _ in range(3):
        training.advance(wanted=False)
    # A step takes several times as long under the profiler, and its events are counted after it.
    steps = min(_STEPS, int(sitting.clock.left / (2 * (time.perf_counter() - began))))
    if steps < 1:
        yield not_run(PART, what, "no step fit into the time")
        return
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * sitting.is_cuda
    with profile(activities=activities) as measured:
        began = time.perf_counter()
        for _ in range(steps):
            training.advance(wanted=False)
        wall = time.perf_counter() - began
    seconds = grouped(measured.key_averages(), wall, sitting.is_cuda)
    note = ", ".join(f"{label} {100 * taken / wall:.1f} %" for label, taken in seconds.items())
    numbers = {"milliseconds": {label: 1e3 * taken / steps for label, taken in seconds.items()}, "steps": steps}
    yield Row(PART, what, MEASURED, 1e3 * wall / steps, "ms, profiled", "", note, numbers)


def grouped(events: Any, wall: float, is_cuda: bool) -> dict[str, float]:
    """Seconds per kind, largest first, of all averaged events; what is left of the ``wall`` time comes last.

    Under CUDA the time of the kernels that an operation started; where no operation has any, that of the kernels by name.
    """
    operations = [event for event in events if event.device_type == DeviceType.CPU]
    kernels = [event for event in events if event.device_type != DeviceType.CPU]
    chosen, name = operations, "self_cpu_time_total"
    if is_cuda:
        name = "self_device_time_total" if hasattr(next(iter(events)), "self_device_time_total") else "self_cuda_time_total"
        chosen = operations if any(getattr(event, name) for event in operations) else kernels
    sums = dict.fromkeys([*KINDS, OTHER], 0.0)
    for event in chosen:
        sums[kind(event.key)] += getattr(event, name) / 1e6
    ordered = dict(sorted(sums.items(), key=lambda item: -item[1]))
    return {**{label: taken for label, taken in ordered.items() if taken}, IDLE: max(0.0, wall - sum(sums.values()))}
