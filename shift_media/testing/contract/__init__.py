"""The tests of `shift_media.testing.MediaStorageContract`, one module for each subject."""
