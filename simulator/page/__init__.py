"""Page: a comparison as one HTML file, without scripts and without any address outside of it."""
