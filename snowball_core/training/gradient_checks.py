"""How far one pass is from the two laws of the softmax's gradient, in float64 and beside the rounding it may have."""

from __future__ import annotations

import torch
from torch import Tensor

from .model import Outcome

_UNIT_F32, _UNIT_BF16 = 2.0**-24, 2.0**-8


@torch.no_grad()
def gradient_residuals(outcome: Outcome, gradient: Tensor, dead: Tensor) -> Tensor:
    """The residuals of both laws, each as a share of its rounding bound and in the gradient's unit.

    Row 0: the gradient that the predictions send to the unembedding adds up to zero over all tokens, since at every position
    the probabilities and the one target cancel. Row 1: the gradient of a dead token is the sum over positions of its
    probability, divided by the loss's divisor, times the final hidden state; no target and no input adds to it.

    Both right-hand sides are computed in float64 from the inputs of the pass. A bound is that of the additions and roundings:
    ``n · u · Σ |terms|``, n the numbers added, u the unit roundoff of the format.

    Parameters
    ----------
    gradient : Tensor, shape (vocab, hidden)
        Of the matrix that predicts, as the pass left it, before clipping.
    dead : Tensor of bool, shape (vocab,)

    Returns
    -------
    Tensor of float64, shape (2, 2)
        Per law: the largest ``|residual| / bound`` over components (above 1 is a violation), and the largest ``|residual|``.
        Without dead tokens the second row is zero.
    """
    error, hidden = outcome.error.double(), outcome.hidden.double()
    size = hidden.abs()
    total = error.sum(1) @ hidden
    # A probability is the exponential of a rounded logarithm: its relative error is the logarithm's absolute one.
    logarithm = -error.abs().clamp(min=torch.finfo(torch.float32).tiny).log().min()
    slack = _UNIT_F32 * (error.shape[1] + 2 * logarithm) * (error.abs().sum(1) @ size)
    rows = [_share(total, slack)]
    chosen = error[:, dead]
    expected, terms = chosen.T @ hidden, chosen.abs().T @ size
    # In bfloat16 the error is rounded before the product, and the product after it.
    unit = (1 + _UNIT_BF16) ** 2 - 1 if gradient.dtype == torch.bfloat16 else 0.0
    rows.append(_share(gradient[dead].double() - expected, (unit + (len(hidden) + 1) * _UNIT_F32) * terms))
    return torch.tensor(rows, dtype=torch.float64)


def _share(residual: Tensor, bound: Tensor) -> list[float]:
    if not residual.numel():
        return [0.0, 0.0]
    size = residual.abs()
    share = torch.where(size == 0, 0.0, size / bound)
    return [float(share.max()), float(size.max())]
