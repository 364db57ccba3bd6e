"""Measures: arrays in, numbers out.

Everywhere ``history`` is words of shape (snapshots, vocab, hidden), ``rows`` words of shape (tokens, hidden); ``leader`` and
``hidden`` hold for each snapshot and token the smallest token with the same row, and with the same row and moments;
``moment_hash`` is of shape (snapshots, vocab), ``steps`` (snapshots,), ``group`` and ``dead`` are masks of shape (vocab,).

bf16             bits, values, spacing (ULP) and order of bfloat16 and float32
identity         rows with equal bits, numbered; who moved
census           unique vectors, black holes, populations; hidden classes inside the holes
identity_levels  equal by bits, by value, after a cast, within one cell
distances        L∞, L1, L2, Hamming of all pairs; largest L∞; components
extent           diameter, radius and spread of a group at every step
principal_axes   bases of a run, of some frames, of one step, of a difference
motion           displacements; bulk and thermal motion; who is frozen
freezing         when motion ends, by three definitions
lineage          black holes through time: mergers, splits; their ranks
biography        the holes a token was in, and why holes came apart
flicker          changes that are undone soon after
laws             what must hold in every run, and its violations
verdict          the three success criteria; the original notebook's ε
mobility         what can move, from formats and rates alone
adam_bound       the largest update of Adam
alignment        several runs on one axis; medians and ranges over draws
quantities       names, definitions and units of every number measured at each step
"""

from .. import submodules

__getattr__, __dir__ = submodules(__name__)
