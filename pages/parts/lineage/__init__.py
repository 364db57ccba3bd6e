"""The Lineage page.

view       lanes and events
biography  one token through the run
"""
