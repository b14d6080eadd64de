"""Text, JSON or a formula to a Kernel or a Pipeline of frozen layers, and their arithmetic."""
