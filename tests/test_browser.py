"""The browser of the tests itself."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]", "example.com"])
def test_the_browser_of_the_tests_reaches_nothing_beyond_this_machine(page, host):
    from playwright.sync_api import Error

    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        page.goto(f"http://{host}/")
