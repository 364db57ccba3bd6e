"""The Motion page.

view  numbers, end of motion, pictures
"""
