"""The Verdict page.

cached_verdict  cached openers
criteria        the three criteria
laws            the laws
epsilon         what ε would have said
"""
