"""Networks: their architectures, their files, and their convolutions as kernels."""
