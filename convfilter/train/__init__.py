"""Training on digits: one file for each recipe, each kind of data and each kind of picture."""
