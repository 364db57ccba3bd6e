"""Bases for pictures of a group: of the whole run, of one step, of the difference of two; and what a basis misses at each step.

In float64, with the sign of :func:`~snowball_core.measures.distances.principal_axes`: each axis's largest component is
positive.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..memory import release
from .bf16 import Words, values
from .distances import PrincipalAxes, axes_of_covariance, centroid, principal_axes

_BLOCK_BYTES = 16 * 1024 * 1024
Floats = npt.NDArray[np.float64]


def durations(changed: npt.NDArray[np.intp], steps: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For how many steps each change frame stayed as it was, up to and with the last recorded step.

    Parameters
    ----------
    changed : ndarray of intp
        Indices of the snapshots that differ from the one before, as :func:`~snowball_core.measures.census.change_steps` gives
        them.
    steps : ndarray of int64, shape (snapshots,)

    Examples
    --------
    >>> durations(np.array([0, 2]), np.array([0, 5, 10, 11])).tolist()
    [10, 2]
    """
    return np.diff(steps[changed], append=steps[-1:] + 1) if len(changed) else np.zeros(0, np.int64)


def run_basis(
    history: Words, group: npt.NDArray[np.bool_], changed: npt.NDArray[np.intp], weights: npt.NDArray[np.int64]
) -> PrincipalAxes:
    """The principal axes of a group's rows over the whole run, each change frame weighted by its duration.

    Equal to fitting every step of the run by itself, without reading those that repeat. Frames with a number that is not finite
    are left out.

    Parameters
    ----------
    history : Words, shape (snapshots, vocab, hidden)
    group : ndarray of bool, shape (vocab,)
    changed : ndarray of intp
    weights : ndarray of int64
        Durations of the change frames.
    """
    hidden = history.shape[2]
    total, first, second = 0.0, np.zeros(hidden), np.zeros((hidden, hidden))
    if not (len(changed) and group.any()):
        return principal_axes(np.zeros((0, hidden)))
    # Near one of the rows sums keep the digits of a small cloud far from the origin.
    near = values(history[changed[0]][group][:1]).astype(np.float64)
    near = np.where(np.isfinite(near), near, 0.0)
    block = max(1, _BLOCK_BYTES // max(1, 8 * int(group.sum()) * hidden))
    for start in range(0, len(changed), block):
        with np.errstate(invalid="ignore"):  # a NaN may signal when it is widened
            points = values(history[changed[start : start + block]][:, group]).astype(np.float64) - near
        kept = np.asarray(np.isfinite(points).all(axis=(1, 2)))
        weight = np.where(kept, weights[start : start + block], 0).astype(np.float64)
        points = np.where(kept[:, None, None], points, 0.0)
        total += float(weight.sum()) * points.shape[1]
        first += np.einsum("t,tvd->d", weight, points)
        scaled = (points * np.sqrt(weight)[:, None, None]).reshape(-1, hidden)
        second += scaled.T @ scaled
        release(history)
    if not total:
        return principal_axes(np.zeros((0, hidden)))
    mean = first / total
    return axes_of_covariance(near[0] + mean, second / total - np.outer(mean, mean))


def step_basis(rows: Words) -> PrincipalAxes:
    """The principal axes of one step's rows."""
    with np.errstate(invalid="ignore"):
        return _fitted(values(rows).astype(np.float64))


def difference_basis(first: Words, second: Words) -> PrincipalAxes:
    """The principal axes of the tokens' displacements between two steps, through the centroid of the first.

    It shows in which directions tokens moved apart; a shift that all tokens share has no axis.
    """
    with np.errstate(invalid="ignore"):  # a row that is not finite is left out
        moved = _fitted(values(second).astype(np.float64) - values(first).astype(np.float64))
    return PrincipalAxes(centroid(first), moved.axes, moved.explained)


def _fitted(points: Floats) -> PrincipalAxes:
    """Principal axes by scikit-learn; those of pictures are found without it, since importing it outlasts a first page."""
    from sklearn.decomposition import PCA

    points = points[np.isfinite(points).all(axis=1)]
    rank = min(2, len(points) - 1, points.shape[1])
    if rank < 1 or (points == points[0]).all():
        return principal_axes(points)
    origin = points.mean(axis=0)
    # Centred here: the solver subtracts the mean from the covariance, where a small spread far from 0 drowns in rounding.
    fitted = PCA(rank, svd_solver="covariance_eigh").fit(points - origin)
    axes, explained = np.zeros((2, points.shape[1])), np.zeros(2)
    sign = np.sign(np.take_along_axis(fitted.components_, np.abs(fitted.components_).argmax(1)[:, None], 1))
    # An axis below the rounding of the first is not a direction of the points.
    real = fitted.explained_variance_ratio_ > points.shape[1] * np.finfo(np.float64).eps
    axes[:rank][real], explained[:rank][real] = (fitted.components_ * sign)[real], fitted.explained_variance_ratio_[real]
    return PrincipalAxes(origin, axes, explained)


def explained_variance(
    basis: PrincipalAxes, history: Words, group: npt.NDArray[np.bool_], progress: Callable[[int, int], None] | None = None
) -> tuple[Floats, Floats]:
    """How much of each snapshot's variance a basis shows, and how much it misses.

    Parameters
    ----------
    basis : PrincipalAxes
    history : Words, shape (snapshots, vocab, hidden)
    group : ndarray of bool, shape (vocab,)
    progress : callable, optional
        Told snapshots done and in all now and then; may raise to cancel.

    Returns
    -------
    explained : ndarray of float64, shape (snapshots, 2)
        Share of the snapshot's variance (around its own centroid) along each axis.
    missed : ndarray of float64, shape (snapshots,)
        The rest. Both are NaN where all tokens are in one place: there is no variance to share.
    """
    explained, missed = np.full((len(history), 2), np.nan), np.full(len(history), np.nan)
    often = max(1, _BLOCK_BYTES // max(1, history[:1].nbytes))
    for t in range(len(history)):
        with np.errstate(invalid="ignore", over="ignore"):
            points = values(history[t][group]).astype(np.float64)
            points = points - points[:1] if len(points) else points
            points = points - points.mean(axis=0) if len(points) else points
            whole = float((points**2).sum())
        if 0 < whole < np.inf:
            # A share above 1 is rounding.
            explained[t] = np.minimum(((points @ basis.axes.T) ** 2).sum(axis=0) / whole, 1.0)
            missed[t] = max(0.0, 1.0 - explained[t].sum())
        if t % often == 0:
            release(history)
            if progress is not None:
                progress(t + 1, len(history))
    return explained, missed
