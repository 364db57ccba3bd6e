"""The Library page.

run_table    the runs: filters and table
run_actions  what is done with the selected runs
trash        runs put away
from_file    a history from a file
opened_file  that history, opened and cached
"""
