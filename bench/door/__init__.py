"""The verbs of `./run`, one file each in verbs/. They need nothing but Python's own library: what a verb installs may not
be there yet. Python 3.7 is enough here, so that a machine whose Python is too old for the tables still measures."""
