"""Picture files to arrays and back. Only this wing imports Pillow and tifffile; it knows no filter."""
