"""What the bucket and the app were asked for, shown on a picture's page of the gallery on S3."""
