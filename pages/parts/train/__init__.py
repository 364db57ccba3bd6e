"""The Train page.

form          the form of a run
fork          the run that the form forks
launch        what will happen, faults, cost and the start button
build_text    a button that builds the published text
running       runs at work and the queue
run_progress  how one run is doing
recorded      ended runs: resume and fork
"""
