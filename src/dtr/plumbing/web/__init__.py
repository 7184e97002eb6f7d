"""What rooms share when they serve pages: templates, languages, forms, and times and sizes as people read them.

| module | holds |
| --- | --- |
| `pages` | what a route uses: `Web` renders a template or sends on after a form |
| `templates` | where templates are, and what they may use |
| `languages` | message catalogs, and which one a reader gets |
| `formats` | times, sizes and numbers in words |
| `reader` | who reads; imports nothing that renders pages |
| `forms` | fields that a browser sent; imports nothing that renders pages |
| `form_body` | the form that a route was sent |
| `permit_rows` | what robots and tokens may do, in a form |
| `lists` | which part of a long list a page shows |
| `flash` | a message for the next page |
| `markdown` | texts of users as safe HTML |
"""
