"""A figure of matplotlib that is drawn once where matplotlib draws it twice; places of names beside a drawing."""

import matplotlib.figure
from matplotlib.layout_engine import ConstrainedLayoutEngine


class Figure(matplotlib.figure.Figure):
    """`savefig` draws a figure that has a layout engine once for the layout, into nothing, and then, without the engine,
    for the file. The layout alone takes the place of the first."""

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.sources = []  # (artist, where its number is from): boxes that open over it, within a page

    def draw(self, renderer):
        engine = self.get_layout_engine()
        if isinstance(engine, ConstrainedLayoutEngine):
            engine.execute(self)
        else:
            super().draw(renderer)


def uncrossed(points, places_of):
    """An order of these points, (x, y), all left of a column of names, in which lines from each to its name do not cross:
    from the top down, with neighbours exchanged whose lines do. `places_of(order)`: (x, y) of the names in that order."""
    order = sorted(range(len(points)), key=lambda index: -points[index][1])
    for _ in range(len(points) ** 2):
        places = places_of(order)
        pairs = [
            place
            for place in range(len(order) - 1)
            if _cross(points[order[place]], places[place], points[order[place + 1]], places[place + 1])
        ]
        if not pairs:
            break
        order[pairs[0]], order[pairs[0] + 1] = order[pairs[0] + 1], order[pairs[0]]
    return order


def _cross(start, end, other_start, other_end):
    """Do two lines that run to the right meet? The second ends below the first."""
    x = max(start[0], other_start[0])
    return _height(start, end, x) < _height(other_start, other_end, x)


def _height(start, end, x):
    share = (x - start[0]) / (end[0] - start[0]) if end[0] != start[0] else 0
    return start[1] + share * (end[1] - start[1])


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
