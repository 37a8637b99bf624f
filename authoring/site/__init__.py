"""The course as a web page: `make site` writes build/site/, static files with relative links.

build        all pages, their navigation, the files beside them
page         one page: its headings, its sections for the search
chapters     a solved notebook as a page: text, code, outputs, exercises
wording      what a page says of its controls where the notebook's differ
predictions  what a prediction asks, and its answer
quiz_page    the quiz
errata       what the tutorial says that the course grew out of, and where it is run
reference    the instructor's guide and the claims
markdown     Markdown with formulas as HTML with MathML
pictures     the pictures of a page as files
recorded     the figures that are shown before the model is in the browser
weights      the model's file in parts, for the engine in the page
python_parts Python in parts, with the course's checks, for exercises in the page
parts        a download that arrives in parts, each known by its hash
npm          the packages of web/npm, and the editor that is bundled of them
links, templates  where an address leads on the site; web/templates
serve        the pages on this computer: `make site SERVE=1`

What runs in the reader's browser is in web/: modules as they are, without a bundler, but for the
editor, CodeMirror. What runs there in Python is in web/python/. The templates are in
web/templates/.
"""
