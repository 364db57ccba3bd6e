"""Measures: arrays in, numbers out.

bf16             bits, values, spacing (ULP) and order of bfloat16 and float32
identity         rows with equal bits, snapshots that repeat
census           unique vectors, black holes, populations; hidden classes
identity_levels  equal by bits, by value, after a cast, within one cell
distances        L∞ between rows, centroid, principal axes of points
pair_distances   L∞, L1, L2, Hamming of all pairs; adjacency components
extent           diameter, radius and spread of a group at every step
principal_axes   bases of a whole run, of one step, of a difference
motion           displacements; bulk and thermal motion; who is frozen
freezing         when motion ends, by three definitions
lineage          black holes through time: mergers, splits, and other events
biography        the holes a token was in, and why holes came apart
flicker          changes that are undone soon after
laws             what must hold in every run, and its violations
verdict          the three success criteria
mobility         what can move, from formats and rates alone
adam_bound       the largest update of Adam
alignment        several runs on one axis; medians and ranges over draws
"""

from .. import submodules

__getattr__, __dir__ = submodules(__name__)
