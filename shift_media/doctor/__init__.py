"""The doctor: verify a live set-up by doing what it is for, and say how to mend what is wrong.

`findings` has every code that it can report, and why each matters. Each other module looks at one
topic and yields findings; `examine` asks them in order and takes its probe away again.
"""
