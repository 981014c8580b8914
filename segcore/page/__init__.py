"""A page of HTML that asks for nothing from anywhere: markup, tables, curves, and the frame of it."""
