"""Waivers: a broken limit is excused for a while, down to a floor, with a reason and a name."""
