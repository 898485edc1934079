"""C but for the folder door: what `./run VERB` does once there is a Python."""
