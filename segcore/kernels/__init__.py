"""The counting kernels: label maps and runs in, integer tables out.

``reference`` holds them in NumPy, complete; ``compiled`` holds their numba twins, equal bit for
bit.  Positions are column-major throughout the run kernels (pixel (x, y) is ``x * height + y``).
"""
