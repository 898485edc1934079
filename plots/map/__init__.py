"""The break-even map: which form of a layer is fastest where."""
