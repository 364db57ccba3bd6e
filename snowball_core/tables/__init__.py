"""Tables: a history in, DataFrames out.

blocks        a history taken block by block, cached and continued
census        groups, census, tokens and holes; CSV and Parquet
per_step      every measure of every step; motion of every token
at_step       tokens, holes, distances and events at one step
measures      holes, levels, pairs, freezing, axes, biographies
lineage       events with causes, nodes, edges, biographies
motion        who moved when, in numbers and words
long          a row per step and token or dimension, in parts
verdict       verdict of a group, violations of laws
verdict_rows  verdict, laws and the constant ε as tables
divergence    where a history stops being finite
comparison    several runs measured for a comparison
draws         which runs are one draw, twins, or not alike
library       one row per run of a folder
run_summary   a run in a few numbers
live          a growing run: only what is new is read
text          what happened to the holes, in two sentences
"""

from .. import submodules

__getattr__, __dir__ = submodules(__name__)
