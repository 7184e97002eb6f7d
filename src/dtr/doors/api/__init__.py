"""The control plane: `/api/v0` and `/enzi/v0`, put together from the rooms' `api.py`.

| module | holds |
| --- | --- |
| `door` | who calls, and the way from our server into FastAPI |
| `application` | the FastAPI application: routers, error answers, OpenAPI |
| `intake` | what a request must be before a route sees it |
| `openapi` | what the generated OpenAPI document lacks |
| `docs` | the interactive documentation |
| `errors` | which status and code an error gets here |
"""
