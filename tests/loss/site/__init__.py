"""The site whose files must not be lost: photos and videos on disk and in a bucket."""
