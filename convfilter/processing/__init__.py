"""Pictures through engines: one picture, strips of a large one, and many."""
