"""The pure part: keys, specs, signatures, geometry, image headers and pixels.

Knows no Django, no boto3 and no settings; takes what it needs as arguments.
"""
