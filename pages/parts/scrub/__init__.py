"""The Scrub page.

component    every step of one run or two, drawn in the browser
exact_step   the exact view below it
bookmarks    remarks on steps: field, list, flags on the time line
step_tables  tables of one step
biography    the selected token or hole
growing_run  a run that is still recorded
"""
