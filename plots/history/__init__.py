"""How kernels' times went over many results files: a series per machine and kernel, and where it changed."""
