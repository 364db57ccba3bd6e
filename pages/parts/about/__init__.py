"""The About page.

entries   an entry for every number
glossary  docs/measures.md as data
"""
