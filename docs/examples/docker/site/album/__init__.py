"""An album of pictures and videos."""
