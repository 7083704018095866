"""The doctor: check a live deployment by using it, and say how to fix what is wrong.

`findings` lists the codes that it can report, and why each of them matters. Each other module
checks one topic and yields findings. `examination` runs them in order, and removes what they
stored.
"""
