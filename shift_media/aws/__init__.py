"""Documents that configure a bucket and the services around it, in the form of AWS's API.

Each module builds the documents of one service as plain dicts, and names the pages of AWS's
documentation that they follow. `documents` lists them by the names that ``media_bucket print``
knows; `bucket` and `changes` compare them with a live bucket and write them to it.
"""
