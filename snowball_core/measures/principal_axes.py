"""Bases for pictures of a group: of the whole run, of some of its frames, of one step, of a difference; what a basis misses.

Two bases are "of the run" and differ: :func:`axes_of_run` is exact, every change frame weighted by how long it lasted;
:func:`axes_of_frames` is of a sample of frames that count once each, quick enough for a page. In float64; each axis's largest
component is positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..memory import Progress, blocks, silent
from .bf16 import Floats, Integers, Truths, Words, values
from .identity import moved_frames

_BLOCK_BYTES = 16 * 1024 * 1024
_MOST_BASIS_FRAMES = 500
_MOST_BASIS_ROWS = 100_000
_MOST_BASIS_NUMBERS = 12_800_000


def centroid(rows: Words) -> Floats:
    """The mean of the rows in weight units, accumulated in float64; shape ``(hidden,)``."""
    with np.errstate(invalid="ignore"):
        mean: Floats = values(rows).astype(np.float64).mean(axis=0)
    return mean


@dataclass(frozen=True)
class PrincipalAxes:
    """A basis for pictures: origin, two axes, and the share of variance each explains.

    Attributes
    ----------
    axes : ndarray of float64, shape (2, hidden)
        Orthonormal; each axis's largest component is positive, so that pictures do not flip.
    """

    origin: Floats
    axes: Floats
    explained: Floats

    def coordinates(self, rows: Words) -> Floats:
        """Places of the rows in the basis, weight units; shape ``(..., 2)``. Those of a row that is not finite are NaN."""
        with np.errstate(invalid="ignore", over="ignore"):
            points = values(rows).astype(np.float64) - self.origin
            points[~np.isfinite(points).all(axis=-1)] = np.nan
            return points @ self.axes.T


def principal_axes(points: npt.NDArray[np.floating[Any]]) -> PrincipalAxes:
    """The two principal axes of points in weight units, in float64 with fixed signs.

    Points that are not finite are left out. Where the points span fewer than two dimensions the missing axes are zero. They are
    those of scikit-learn's ``PCA``, which the tests hold beside them; importing it would take longer than the app's first page.
    """
    with np.errstate(invalid="ignore"):
        points = np.asarray(points, np.float64)
    points = points[np.isfinite(points).all(axis=1)]
    origin = points.mean(axis=0) if len(points) else np.zeros(points.shape[1])
    if not len(points) or (points == points[0]).all():
        return axes_of_covariance(origin, np.zeros((len(origin), len(origin))))
    # Centred first: subtracting the mean from the covariance instead would drown a small spread far from 0 in rounding.
    centred = points - origin
    return axes_of_covariance(origin, centred.T @ centred / len(points))


def axes_of_covariance(origin: Floats, covariance: Floats) -> PrincipalAxes:
    """The two axes of largest variance of a covariance matrix; an axis below the rounding of its sums is zero."""
    variance, vectors = np.linalg.eigh(covariance)
    count = min(2, len(variance))
    axes, explained = np.zeros((2, len(origin))), np.zeros(2)
    largest, whole = vectors[:, ::-1][:, :count].T, float(np.maximum(variance, 0).sum())
    share = variance[::-1][:count] / whole if whole > 0 else np.zeros(count)
    sign = np.sign(np.take_along_axis(largest, np.abs(largest).argmax(axis=1)[:, None], axis=1))
    # An axis below the rounding of the sums is not a direction of the points.
    real = share > len(origin) * np.finfo(np.float64).eps
    axes[:count][real], explained[:count][real] = (largest * sign)[real], share[real]
    return PrincipalAxes(origin, axes, explained)


def durations(changed: npt.NDArray[np.intp], steps: Integers) -> Integers:
    """For how many steps each change frame stayed as it was, up to and with the last recorded step.

    ``changed`` are the snapshots that differ from the one before, of :func:`~snowball_core.measures.census.change_steps`.

    Examples
    --------
    >>> durations(np.array([0, 2]), np.array([0, 5, 10, 11])).tolist()
    [10, 2]
    """
    return np.diff(steps[changed], append=steps[-1:] + 1) if len(changed) else np.zeros(0, np.int64)


def axes_of_run(history: Words, group: Truths, changed: npt.NDArray[np.intp], weights: Integers) -> PrincipalAxes:
    """The principal axes of a group's rows over the whole run, each change frame weighted by its duration.

    Equal to fitting every step of the run by itself, without reading those that repeat. Frames with a number that is not finite
    are left out.
    """
    hidden = history.shape[2]
    total, first, second = 0.0, np.zeros(hidden), np.zeros((hidden, hidden))
    if not (len(changed) and group.any()):
        return principal_axes(np.zeros((0, hidden)))
    # Near one of the rows sums keep the digits of a small cloud far from the origin.
    near = values(history[changed[0]][group][:1]).astype(np.float64)
    near = np.where(np.isfinite(near), near, 0.0)
    for part in blocks(len(changed), 8 * int(group.sum()) * hidden, _BLOCK_BYTES):
        with np.errstate(invalid="ignore"):  # a NaN may signal when it is widened
            points = values(history[changed[part]][:, group]).astype(np.float64) - near
        kept = np.asarray(np.isfinite(points).all(axis=(1, 2)))
        weight = np.where(kept, weights[part], 0).astype(np.float64)
        points = np.where(kept[:, None, None], points, 0.0)
        total += float(weight.sum()) * points.shape[1]
        first += np.einsum("t,tvd->d", weight, points)
        scaled = (points * np.sqrt(weight)[:, None, None]).reshape(-1, hidden)
        second += scaled.T @ scaled
    if not total:
        return principal_axes(np.zeros((0, hidden)))
    mean = first / total
    return axes_of_covariance(near[0] + mean, second / total - np.outer(mean, mean))


def covariances(history: Words, dead: Truths | None = None) -> dict[str, Floats]:
    """Covariance matrices of the rows of the groups all, dead and live at every snapshot; only of all where dead are unknown.

    Shape ``(snapshots, hidden, hidden)``; with no more tokens than components the products of the centred rows with one
    another in its place, ``(snapshots, tokens, tokens)``, whose eigenvalues are the same, others than 0. NaN where a row is not
    finite. Of a few snapshots at a time: the matrices are larger than the rows.

    Examples
    --------
    >>> {group: each.shape for group, each in covariances(np.zeros((5, 4, 3), np.float32), np.arange(4) < 1).items()}
    {'all': (5, 3, 3), 'dead': (5, 3, 3), 'live': (5, 3, 3)}
    """
    by_component = history.shape[1] > history.shape[2]
    if dead is None:
        return {"all": _moments(history, by_component)[1]}
    (one, first), (other, second) = (_moments(history[:, mask], by_component) for mask in (dead, ~dead))
    if not by_component:
        return {"all": _moments(history, by_component)[1], "dead": first, "live": second}
    share = float((~dead).mean())
    with np.errstate(invalid="ignore", over="ignore"):
        # The covariance of two groups together: their own, and that of their means.
        apart = (one - other if 0 < share < 1 else np.zeros_like(one)) * np.sqrt(share * (1 - share))
        joint = apart[:, :, None] * apart[:, None, :]
        joint += first * (1 - share)
        joint += second * share
    return {"all": joint, "dead": first, "live": second}


def _moments(rows: Words, by_component: bool) -> tuple[Floats, Floats]:
    """Mean row and covariance of every snapshot, computed once for those that repeat the one before."""
    changed = moved_frames(rows)
    # Rows of a group lie token by token in memory; products in that order take twice as long.
    points = values(rows if changed.all() else rows[changed]).astype(np.float64, order="C")
    tokens = max(1, points.shape[1])
    with np.errstate(invalid="ignore", over="ignore"):
        # Relative to one of the rows: a group in one place has exactly no spread.
        reference = points[:, :1].copy()
        points -= reference
        mean = points.sum(axis=1) / tokens
        points -= mean[:, None]
        turned = points.transpose(0, 2, 1)
        product = np.matmul(turned, points) if by_component else np.matmul(points, turned)
        product /= tokens
        mean += reference.sum(axis=1)
    if changed.all():
        return mean, product
    place = np.cumsum(changed) - 1
    return mean[place], product[place]


def participation_ratio(covariance: Floats) -> Floats:
    """How many dimensions each covariance spreads over: ``(Σ λ)² / Σ λ²``, λ its eigenvalues; shape ``(snapshots,)``.

    From 1, all on one line, to the smaller of hidden size and tokens less one, equally wide in all directions. NaN without
    spread, and where a number is not finite. The sums are found without λ: the trace of the covariance and that of its square.

    References
    ----------
    Gao, Trautmann, Yu, Santhanam, Ryu, Shenoy, Ganguli: A theory of multineuronal dimensionality, dynamics and measurement,
    bioRxiv 214262, 2017.

    Examples
    --------
    >>> cross, line = [[1, 0], [-1, 0], [0, 1], [0, -1]], [[1, 1], [2, 2], [3, 3], [3, 3]]
    >>> participation_ratio(covariances(np.array([cross, line], np.float32))["all"]).tolist()
    [2.0, 1.0]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        whole = np.trace(covariance, axis1=1, axis2=2) ** 2
        squares = np.einsum("tij,tij->t", covariance, covariance)
        ratio: Floats = np.divide(whole, squares, out=np.full(len(whole), np.nan), where=whole > 0)
    return ratio


def basis_frames(frames: int, tokens: int, hidden: int = 1) -> npt.NDArray[np.intp]:
    """Which of a run's frames a basis is made from: evenly spread, at most 500 and about 100,000 rows, fewer if these are long.

    Examples
    --------
    >>> len(basis_frames(100, 51)), len(basis_frames(10_000, 51)), len(basis_frames(10_000, 2_000))
    (100, 500, 50)
    """
    rows = min(_MOST_BASIS_ROWS, _MOST_BASIS_NUMBERS // max(1, hidden))
    most = max(2, min(_MOST_BASIS_FRAMES, rows // max(1, tokens)))
    return np.unique(np.linspace(0, frames - 1, min(frames, most)).astype(np.intp))


def axes_of_frames(history: Words, group: Truths, frames: npt.NDArray[np.intp]) -> PrincipalAxes:
    """The principal axes of a group's rows over some snapshots together, each counted once."""
    return principal_axes(values(history[frames][:, group]).reshape(-1, history.shape[2]))


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
    basis: PrincipalAxes, history: Words, group: Truths, progress: Progress = silent
) -> tuple[Floats, Floats]:
    """How much of each snapshot's variance a basis shows, and how much it misses.

    Returns
    -------
    explained : ndarray of float64, shape (snapshots, 2)
        Share of the snapshot's variance (around its centroid) along each axis.
    missed : ndarray of float64, shape (snapshots,)
        The rest. Both are NaN where all tokens are in one place: there is no variance to share.
    """
    explained, missed = np.full((len(history), 2), np.nan), np.full(len(history), np.nan)
    for part in blocks(len(history), history[:1].nbytes, _BLOCK_BYTES, progress):
        for t in range(part.start, part.stop):
            with np.errstate(invalid="ignore", over="ignore"):
                points = values(history[t][group]).astype(np.float64)
                points = points - points[:1] if len(points) else points
                points = points - points.mean(axis=0) if len(points) else points
                whole = float((points**2).sum())
            if 0 < whole < np.inf:
                # A share above 1 is rounding.
                explained[t] = np.minimum(((points @ basis.axes.T) ** 2).sum(axis=0) / whole, 1.0)
                missed[t] = max(0.0, 1.0 - explained[t].sum())
    return explained, missed
