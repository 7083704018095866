"""Messages of transcoding services: verified, normalised and applied."""
