"""The Verdict page.

view      the page below its pickers
criteria  the three criteria
laws      the laws
epsilon   what ε would have said
"""
