"""The bfloat16 pass against the stock model under autocast, bit by bit, and against float64 within its roundings."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from snowball_core.config import RunConfig
from snowball_core.config_checks import configured, preset
from snowball_core.training.gradients import LeanModel, _Block
from snowball_core.training.model import build

SMALL = {"context": 16, "batch": 4, "hidden": 8, "layers": 1, "initial_state": "normal"}
PUBLISHED = {"batch": 8, "layers": 1, "initial_state": "normal"}
# Unit roundoffs: half of the distance from 1 to the next number.
U16, U32 = 2.0**-8, 2.0**-24
# Elementary functions of torch in float32 are right to about a unit in the last place; four are allowed here.
FUNCTION = 8 * U32
# Numbers below the range of float32, times operands of at most 16, may become 0.
TINY = 16 * 2.0**-126


def windows(config: RunConfig) -> tuple[Tensor, Tensor]:
    ids = torch.randint(0, 128, (config.batch, config.context + 1), generator=torch.Generator().manual_seed(1))
    return ids[:, :-1], ids[:, 1:]


def lean(config: RunConfig) -> tuple[Any, LeanModel]:
    model = build(config)[0].bfloat16().train()
    return model, LeanModel(config, {name: parameter.detach() for name, parameter in model.named_parameters()})


def watched(model: Any) -> dict[str, dict[str, Tensor]]:
    """What goes into and out of every layer of the stock model, and the gradient of what comes out, as rows."""
    records: dict[str, dict[str, Tensor]] = {}

    def watch(name: str, module: Any) -> None:
        def keep(_: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            records[name] = {"inputs": inputs[0].detach().flatten(0, -2), "output": output.detach().flatten(0, -2)}
            output.register_hook(lambda gradient: records[name].update(outer=gradient.flatten(0, -2)))

        module.register_forward_hook(keep)

    for name, module in model.named_modules():
        if ".ln_" in name or ".c_" in name or name == "lm_head":
            watch(name, module)
    return records


@pytest.mark.parametrize("shape", [SMALL, PUBLISHED])
@pytest.mark.parametrize("norm_layer", ["layernorm", "rmsnorm"])
def test_products_biases_norms_and_logits_have_the_bits_of_the_stock_model(shape: dict[str, Any], norm_layer: str) -> None:
    config = configured(preset("primordial-snowball"), {**shape, "norm_layer": norm_layer, "tied": False})
    model, ours = lean(config)
    records, (inputs, targets) = watched(model), windows(config)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model.lm_head(model.transformer(inputs).last_hidden_state)
    loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="sum") / targets.numel()
    names = [name for name, _ in model.named_parameters()]
    theirs = dict(zip(names, torch.autograd.grad(loss, list(model.parameters())), strict=True))
    ours.run(inputs, targets, targets.numel())
    head = records.pop("lm_head")
    assert torch.equal(head["inputs"] @ model.lm_head.weight.detach().t(), head["output"])
    assert torch.equal(head["outer"].t() @ head["inputs"], theirs["lm_head.weight"])
    logs = head["output"].float().log_softmax(-1)
    mean = -logs.gather(1, targets.reshape(-1, 1)).sum() / targets.numel()
    # The same terms, added in float32 in another order.
    assert abs(float(mean) - float(loss.detach())) <= 2 * targets.numel() * U32 * float(mean)
    for name, layer in records.items():
        if ".c_" in name:
            assert torch.equal(ours._affine(name, layer["inputs"]), layer["output"]), name
            ours._affine_backward(name, layer["inputs"], layer["outer"])
            equal = ("weight", "bias")
        else:
            normed = ours._norm(name, layer["inputs"])
            assert torch.equal(normed.output, layer["output"]), name
            ours._norm_backward(name, normed, layer["outer"])
            # The stock model rounds LayerNorm's mean and scale to bfloat16, and adds up its gradients in bfloat16.
            equal = () if norm_layer == "layernorm" else ("weight",)
        for part in equal:
            assert torch.equal(ours.gradients[f"{name}.{part}"], theirs[f"{name}.{part}"]), (name, part)


@pytest.mark.parametrize("norm_layer", ["layernorm", "rmsnorm"])
def test_gradients_of_norms_are_within_their_roundings_of_float64(norm_layer: str) -> None:
    config = configured(preset("primordial-snowball"), {**PUBLISHED, "norm_layer": norm_layer})
    _, ours = lean(config)
    rows, generator = config.batch * config.context, torch.Generator().manual_seed(2)
    inputs, outer = (torch.randn(rows, config.hidden, generator=generator).bfloat16() for _ in range(2))
    weight = torch.randn(config.hidden, generator=generator).bfloat16()
    ours._get("transformer.ln_f.weight").copy_(weight)
    ours._norms["transformer.ln_f.weight"].copy_(weight)
    inner = ours._norm_backward("transformer.ln_f", ours._norm("transformer.ln_f", inputs), outer)
    x = inputs.double().requires_grad_()
    center = x.mean(-1, keepdim=True) if norm_layer == "layernorm" else 0.0
    scale = ((x - center).square().mean(-1, keepdim=True) + 1e-5).rsqrt()
    normal = (x - center) * scale
    (expected,) = torch.autograd.grad(normal * weight.double(), x, outer.double())
    # One rounding to bfloat16; in float32 three sums over a row, each of so many terms, and ten operations.
    weighted = (outer.double() * weight.double()).abs()
    along = normal.abs() * (weighted * normal.abs()).mean(-1, keepdim=True)
    terms = scale * (weighted + weighted.mean(-1, keepdim=True) + along)
    slack = (3 * config.hidden + 10) * U32
    assert ((inner.double() - expected).abs() <= U16 * expected.abs() + 2 * slack * terms).all()
    by_weight = outer.double() * normal
    bound = U16 * by_weight.sum(0).abs() + (rows + 2 * config.hidden + 10) * U32 * by_weight.abs().sum(0)
    assert ((ours.gradients["transformer.ln_f.weight"].double() - by_weight.sum(0)).abs() <= bound).all()


Interval = tuple[Tensor, Tensor]


def rounded(interval: Interval, unit: float = U16) -> Interval:
    """Where the numbers of an interval can be after one rounding."""
    low, high = interval
    return low - unit * low.abs(), high + unit * high.abs()


def product(one: Interval, other: Interval) -> Interval:
    corners = torch.stack([a * b for a in one for b in other])
    return corners.amin(0), corners.amax(0)


def holds(interval: Interval, numbers: Tensor) -> bool:
    low, high = rounded(interval, FUNCTION)
    return bool(((low - TINY <= numbers.double()) & (numbers.double() <= high + TINY)).all())


def test_gelu_and_its_slope_are_within_their_roundings_of_float64() -> None:
    """Each intermediate result is rounded once to bfloat16; intervals follow these roundings through the formula."""
    _, ours = lean(configured(preset("primordial-snowball"), SMALL))
    inner = torch.linspace(-12, 12, 6_001).bfloat16()
    outer = torch.randn(len(inner), generator=torch.Generator().manual_seed(3)).bfloat16()
    gate = ours._gate(inner, torch.empty_like(inner)).sigmoid_()
    x = inner.double()
    exact = (x, x)

    def argument(order: float) -> Interval:
        polynomial = rounded((1 + order * 0.044715 * x * x,) * 2, U16 + FUNCTION)
        return rounded(product(polynomial, (1.5957691216057308 * x,) * 2), U16 + FUNCTION)

    low, high = argument(1.0)
    gates = rounded((low.sigmoid(), high.sigmoid()), U16 + FUNCTION)
    activated, slope = ours._gelu(inner.clone())
    assert holds(rounded(product(exact, gates)), activated)
    kept = gate.double()
    bend = rounded(product(argument(3.0), (kept * (1 - kept),) * 2), U16 + FUNCTION)
    expected = rounded((bend[0] + kept, bend[1] + kept))
    assert holds(expected, slope)
    assert holds(rounded(product(expected, (outer.double(),) * 2)), slope * outer)
    assert not holds(rounded(product(exact, gates)), F.gelu(inner) * (1 + 4 * U16)), "the bound is wide"


def test_attention_is_within_its_roundings_of_float64() -> None:
    config = configured(preset("primordial-snowball"), PUBLISHED)
    _, ours = lean(config)
    batch, context, heads = config.batch, config.context, config.heads
    width, generator = config.hidden // heads, torch.Generator().manual_seed(4)
    projection = torch.randn(batch * context, 3 * config.hidden, generator=generator).bfloat16()
    parts, attention, mixed = ours._attend(projection, batch)
    query, key, value = projection.double().view(batch, context, 3, heads, width).permute(2, 3, 0, 1, 4)
    scale, future = width**-0.5, torch.ones(context, context, dtype=torch.bool).triu(1)
    scores = (query @ key.mT * scale).masked_fill(future, float("-inf"))
    reach = (width + 2) * U32 * scale * (query.abs() @ key.abs().mT) + U16 * scores.masked_fill(future, 0.0).abs()
    expected = scores.softmax(-1)
    # A score off by at most d changes every probability of its row by a factor of at most exp(2 d).
    share = (2 * reach.masked_fill(future, 0.0).amax(-1, keepdim=True)).expm1()
    bound = ((1 + share) * (1 + U16 + (context + 8) * U32) - 1) * expected
    assert ((attention.double() - expected).abs() <= bound).all()
    assert not attention.masked_select(future).any()
    probabilities = attention.double()
    sums, terms = probabilities @ value, probabilities @ value.abs()
    into = mixed.double().view(batch, context, heads, width).permute(2, 0, 1, 3)
    assert ((into - sums).abs() <= U16 * sums.abs() + (context + 1) * U32 * terms).all()

    outer = torch.randn(batch * context, config.hidden, generator=generator).bfloat16()
    block = _Block(None, parts, attention, *[None] * 4)  # type: ignore[arg-type]
    joined = ours._attend_backward(block, outer, batch).double().view(batch, context, 3, heads, width).permute(2, 3, 0, 1, 4)
    rows = outer.double().view(batch, context, heads, width).permute(2, 0, 1, 3)
    inner = rows @ value.mT
    off = U16 * inner.abs() + (width + 1) * U32 * (rows.abs() @ value.abs().mT)
    level = (probabilities * inner).sum(-1, keepdim=True)
    slope = probabilities * (inner - level)
    size = probabilities * (inner.abs() + (probabilities * inner.abs()).sum(-1, keepdim=True))
    wrong = probabilities * (off + (probabilities * off).sum(-1, keepdim=True))
    wrong = (1 + U16) * wrong + U16 * slope.abs() + 2 * (context + 4) * U32 * size
    twice = (1 + U16) ** 2 - 1  # the product's rounding, then that of the scaled number
    for got, left, right, error, rounding, factor in (
        (joined[0], slope, key, wrong, twice, scale),
        (joined[1], slope.mT, query, wrong.mT, twice, scale),
        (joined[2], probabilities.mT, rows, torch.zeros(()), U16, 1.0),
    ):
        sums = factor * (left @ right)
        carried = factor * ((error.expand(left.shape) + 2 * (context + 2) * U32 * left.abs()) @ right.abs())
        assert ((got - sums).abs() <= (1 + rounding) * carried + rounding * sums.abs()).all()


def test_sums_over_positions_are_accumulated_in_float32() -> None:
    config = configured(preset("primordial-snowball"), PUBLISHED)
    _, ours = lean(config)
    ones = torch.ones(config.batch * config.context, config.hidden, dtype=torch.bfloat16)
    ours._affine_backward("transformer.h.0.attn.c_proj", ones, ones)
    ours._norm_backward("transformer.ln_f", ours._norm("transformer.ln_f", ones), ones)
    # In bfloat16 a sum of ones ends at 256, where 256 + 1 rounds to 256.
    assert len(ones) == 1_024
    assert (ours.gradients["transformer.h.0.attn.c_proj.bias"] == 1_024).all()
    assert (ours.gradients["transformer.h.0.attn.c_proj.weight"] == 1_024).all()
    assert (ours.gradients["transformer.ln_f.bias"] == 1_024).all()


def test_the_gradient_is_no_farther_from_float64_than_that_of_the_stock_model() -> None:
    from stock_model import StockModel

    config = configured(preset("primordial-snowball"), {"batch": 8, "initial_state": "normal"})
    model, ours = lean(config)
    inputs, targets = windows(config)
    stock = StockModel(model).run(inputs, targets, targets.numel()).gradients
    got = ours.run(inputs, targets, targets.numel()).gradients
    exact_model = model.double()
    loss = F.cross_entropy(exact_model(inputs).logits.flatten(0, 1), targets.flatten())
    exact = torch.autograd.grad(loss, list(exact_model.parameters()))

    def distance(gradients: list[Tensor]) -> float:
        return sum(float((one - other).square().sum()) for one, other in zip(gradients, exact, strict=True)) ** 0.5

    assert 0 < distance(got) <= distance(stock)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_with_equal_bits_get_equal_logits_and_equal_gradients(dtype: torch.dtype, threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        generator = torch.Generator().manual_seed(5)
        for positions, hidden, vocab in ((64, 8, 128), (4_096, 64, 128), (4_095, 64, 200), (252, 48, 97)):
            states = torch.randn(positions, hidden, generator=generator).to(dtype)
            logits = states @ torch.randn(1, hidden, generator=generator).to(dtype).expand(vocab, hidden).contiguous().t()
            assert (logits == logits[:, :1]).all()
            likely = logits.float().log_softmax(-1).exp_().mul_(1 / positions)
            assert (likely == likely[:, :1]).all()
            noise = torch.randn(positions, 1, generator=generator).expand(positions, vocab).contiguous()
            for error in (likely, noise):
                gradient = error.to(dtype).t() @ states
                assert (gradient == gradient[:1]).all()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("tied", [True, False])
def test_equal_rows_of_dead_tokens_get_equal_gradients_from_a_whole_pass(tied: bool) -> None:
    shape = {"batch": 8, "initial_state": "singularity", "sigma": 0.0, "tied": tied}
    if not tied:
        shape["matrix"] = "unembedding"
    config = configured(preset("primordial-snowball"), shape)
    _, ours = lean(config)
    inputs, targets = (ids % 77 for ids in windows(config))
    ours.run(inputs, targets, targets.numel())
    gradient = ours.gradients["transformer.wte.weight" if tied else "lm_head.weight"]
    assert (gradient[77:] == gradient[77]).all()
    assert gradient[77].any()
    assert not (gradient[:77] == gradient[77]).all(1).any()
