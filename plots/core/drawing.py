"""A figure of matplotlib that is drawn once where matplotlib draws it twice."""

import matplotlib.figure
from matplotlib.layout_engine import ConstrainedLayoutEngine


class Figure(matplotlib.figure.Figure):
    """`savefig` draws a figure that has a layout engine once for the layout, into nothing, and then, without the engine,
    for the file. The layout alone takes the place of the first."""

    def draw(self, renderer):
        engine = self.get_layout_engine()
        if isinstance(engine, ConstrainedLayoutEngine):
            engine.execute(self)
        else:
            super().draw(renderer)
