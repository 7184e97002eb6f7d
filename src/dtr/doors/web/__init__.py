"""The web UI: pages over the same services, and with the same caller, as the API.

Each room has its pages in `pages.py` and its templates in `templates/`; this door has what all share.

| module | holds |
| --- | --- |
| `door` | who reads, and the way from our server into FastAPI |
| `application` | the rooms' pages in one FastAPI application, errors as pages |
| `assets` | style sheets, scripts and the logo, under addresses that change with their content |
| `sign_in` | the pages to sign in and out |
"""
