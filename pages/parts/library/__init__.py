"""The Library page.

run_table    the runs: filters and table
run_actions  what is done with the selected runs
page_links   links to the pages
trash        runs put away
imports      files dropped here
from_file    histories from files
"""
