"""The vocabulary of renditions: profiles, sizes, encodings and what is planned of them."""
