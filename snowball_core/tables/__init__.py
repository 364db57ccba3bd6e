"""Tables: a history in, DataFrames out.

blocks        a history taken block by block, cached and continued
per_step      every measure of every step, or some families of columns; principal axes
at_step       tokens, holes, distances and events at one step
motion        motion of every token; who moved when; when motion ends
lineage       events with causes, nodes, edges, biographies
long          a row per step and token or dimension, in parts
verdict       verdict of a group, violations of laws
verdict_rows  verdict, laws and the constant ε as tables
bookmarks     bookmarks as a table, and one made of a step and a remark
divergence    where a history stops being finite
comparison    several runs measured for a comparison
draws         which runs are one draw, twins, or of different shape
library       one row per run of a folder
run_summary   a run in a few numbers
live          what is recorded so far: only new data are read
story         what happened to the black holes, in words
text          names of tokens; numbers of things
formats       a table as CSV, Parquet and JSON
"""

from .. import submodules

__getattr__, __dir__ = submodules(__name__)
