"""The Scrub page.

component    every step drawn in the browser
exact_step   the exact view below it
step_tables  tables of one step
biography    the selected token or hole
growing_run  a run that is still recorded
exact_view   one step, natively
figures      figures of one step, natively
heatmap      heatmap image, natively
clicks       clicks in a native picture
transport    native slider and keys
playback     native playback
"""
