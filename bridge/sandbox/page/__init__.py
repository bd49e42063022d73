"""The sandbox's web page: Slack, phones, a control bar and an X-ray, in one browser window.

The page is one more client of the simulators' HTTP, passed on by `server.py` so that the browser
has a single address; what it shows is what the bridge really did. `static/` needs no build.
"""

from bridge.sandbox.page.server import Page

__all__ = ["Page"]
