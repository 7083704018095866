"""The pure core: keys, specs, signatures, geometry, the format table and the errors.

It imports no Django and no boto3 and reads no settings: what it needs are arguments.
"""
