"""A panel on a picture's page that shows requests to the bucket and the app, on S3."""
