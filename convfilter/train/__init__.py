"""Training on digits: one recipe, one architecture, one loader a file."""
