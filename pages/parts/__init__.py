"""What the pages are made of: a folder per page, and what several pages share.

server    the server: start, access and the shell of every page
shared    parts of several pages
scrub     every step of a run
library   the runs, and a history from a file
train     start, watch, resume and fork runs
lineage   which hole became which
motion    who moves, and when motion ends
compare   several runs on one axis
verdict   the three criteria, and the laws
export    files of a run
about     every measure explained
"""
