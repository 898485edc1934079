"""The options of the verbs that `./run` hands on: it reads them before anything is installed, so Python's own library has to
do here, that of 3.7. The verb itself reads them by the same lines."""
