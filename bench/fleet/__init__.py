"""The matrix on many machines: ReFrame tests and a job array of Slurm. They drive `eie` and measure nothing themselves."""
