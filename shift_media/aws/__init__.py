"""What a bucket needs to be told, as plain data in the form that AWS's API takes."""
