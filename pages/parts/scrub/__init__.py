"""The Scrub page.

component    every step of one run or two, drawn in the browser
exact_step   the exact view below it
handed_step  its step and what its tables select, handed to the scrubber
bookmarks    remarks on steps: field, list, flags on the time line
colours      the measure that colours the positions
step_tables  tables of one step
biography    the selected token or hole
growing_run  a run that is still recorded
"""
