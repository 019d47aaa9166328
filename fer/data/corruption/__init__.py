"""Corruptions and changes of light at five severities, for measuring how much of a score survives them.

`registry` names them and applies them to stored images; the other files hold one family each, with its parameters.
"""
