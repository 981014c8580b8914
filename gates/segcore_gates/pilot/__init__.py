"""A pilot: few images, drawn so that every class is in them, labelled before the order is placed."""
