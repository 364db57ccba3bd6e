"""Which windows of the text each step sees."""

from __future__ import annotations

import torch
from torch import Tensor


class WindowOrder:
    """The order in which windows are visited: one random permutation per epoch, in slices of the batch size.

    Epoch ``e`` is ``randperm(windows)`` seeded with ``seed + e``; its last slice is short. Which windows step ``t`` sees is
    a pure function of the configuration, so a resumed run needs no random state.

    Examples
    --------
    >>> order = WindowOrder(windows=5, batch=2, seed=42)
    >>> [len(order.starts(step)) for step in (1, 2, 3, 4)]
    [2, 2, 1, 2]
    """

    def __init__(self, windows: int, batch: int, seed: int) -> None:
        self.windows, self.batch, self.seed = windows, batch, seed
        self.steps_per_epoch = -(-windows // batch)
        # 32 bits where they are enough: the permutation is the same, and half as large.
        self._dtype = torch.int32 if windows < 2**31 else torch.int64
        self._epoch, self._permutation = -1, torch.empty(0, dtype=self._dtype)

    def starts(self, step: int) -> Tensor:
        """Where the windows of optimizer step ``step`` (1 is the first) start in the text; int64, shape ``(≤ batch,)``."""
        epoch, place = divmod(step - 1, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(self.seed + epoch)
            # The one before goes first: two at once would be the largest thing in memory.
            self._permutation = torch.empty(0, dtype=self._dtype)
            self._epoch, self._permutation = epoch, torch.randperm(self.windows, generator=generator, dtype=self._dtype)
        return self._permutation[place * self.batch : (place + 1) * self.batch].long()
