"""Text that would run, or break a page, if it were not shown as text."""

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
