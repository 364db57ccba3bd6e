"""Everything that users can get from a version of the code, as a list of SHA-256 that two versions are compared by.

recorded    every command run on copies of the runs, what comes out hashed
commands    the command lines, with every verb and every flag
changes     the commands that change a library, one after the other
notebook    every table, picture and method that a notebook has
pages       everything that the app's pages draw
normalised  what differs between two recordings by nature, each with its reason
made        the runs that the list is made from
"""
