"""Other packages that a site may have: each module names the extra that it needs."""
