"""Stores: the files of a run.

run_folder      one run: its folder, files and state
run_listing     which entries of a runs folder are runs
run_titles      what a run is called on the screen, and its state
run_names       what a RUN on the command line names
manifest        run.json, checked
origin          where a forked run comes from
status          state, lock and stop marker
history         an open run or foreign history: matrices, steps, groups
metric_rows     metrics.csv open for writing
checkpoint      what a bit-exact resume needs
corpus          text to token ids; the published text, built once
cache           derived tables, keyed by the bytes they come from
notes           label, note, tags, bookmarks and views in one file
note_text       what a text of the notes may hold
bookmarks       remarks on steps, and saved views
trash           runs put away and brought back
staging         folders under construction
archive         a run as one zip file
files           safetensors, regular files, zip
foreign         histories in files from elsewhere
integrity       hashes and what they say of its files
"""

from .. import submodules

__getattr__, __dir__ = submodules(__name__)
