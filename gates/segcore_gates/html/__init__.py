"""The HTML report; :func:`segcore_gates.html.page.page` makes it."""
