"""The Compare page.

runs           choosing the runs
cached_runs    cached openers
run_table      draws, duplicates, differences
overlays       the runs on one axis
drawing        colours, axis and data of their pictures
overlay_files  their downloads
side_by_side   two runs at one step
"""
