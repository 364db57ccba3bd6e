"""Command line: one module per group of verbs.

main            the program, its exit status and messages
parser          verbs, flags, usage errors, completion
common          what verbs share
train           presets, record, fork, resume, stop, corpus
measure         census, events, motion, verdict, laws
distances       distances, axes
compare         compare
library         list, annotate, trash, differences
bookmarks     bookmark, bookmarks, views
export          export, import
check           verify, mobility, bench
terminal        standard streams in any encoding
terminal_table  a table aligned for a reader
output_files    where a command may write
"""

from .. import submodules

__getattr__, __dir__ = submodules(__name__)
