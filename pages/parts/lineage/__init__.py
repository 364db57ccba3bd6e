"""The Lineage page.

view  lanes, events, biography
"""
