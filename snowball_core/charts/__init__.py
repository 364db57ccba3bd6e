"""Charts: DataFrames in, Vega-Lite and the scrubber's data out.

theme              colours of everything that is drawn
step_axis          the step axis: symlog, linear or by events; ticks
counts_and_sizes   counts, loss, rate, largest distance, sizes
heatmap            pairwise distances as pixels
places             positions on axes fixed for a run
overlay            several runs on one axis, with a crosshair
overlay_data       their lines, bands, ends and values at a place
lineage            lanes of holes, barcode of a token
lineage_data       what fills the lineage pictures
lineage_layout     where each hole is drawn
motion             freeze map, speeds, displacements
motion_columns     motion in as many columns as a screen shows
scrubber_data      places and distances of every step
scrubber_blob      the scrubber's data in one blob
scrubber_measures  measures that colour positions
svg                charts as SVG and PNG with a footer
renderer           the process that draws charts
"""

from .. import submodules

__getattr__, __dir__ = submodules(__name__)
