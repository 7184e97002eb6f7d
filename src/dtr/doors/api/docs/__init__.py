"""The interactive documentation of the API: a page made from the OpenAPI document, readable without JavaScript.

| module | holds |
| --- | --- |
| `routes` | the page and its assets, and what the browser may do with them |
| `page` | the page: operations by tag |
| `operation` | one operation: parameters, body, answers, the form to try it |
| `schemas` | JSON schemas as fields, type names and examples |
| `markup` | HTML that cannot be forgotten to escape |
"""
