"""A figure of matplotlib that is drawn once where matplotlib draws it twice; places of names beside a drawing."""

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


def spread(wanted, step, low, high):
    """Falling heights, at least a step apart and within low and high, near to the wanted ones, which fall as well."""
    places = []
    for height in wanted:
        places.append(min(height, high if not places else places[-1] - step))
    if places and places[-1] < low:
        floor = low
        for index in reversed(range(len(places))):
            places[index] = max(places[index], floor)
            floor = places[index] + step
    return places
