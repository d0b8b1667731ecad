"""How Sphinx makes the website, of the pages that tools/website.py prepares: `make site`."""

project = "Neural networks from scratch"
copyright = "the nnfromscratch authors; lessons CC BY 4.0, code MIT"
language = "en"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "tools.website_extension",
]
exclude_patterns = ["README.md", "_extra"]

# The stored outputs are what the tests have compared; nothing is run again.
nb_execution_mode = "off"
nb_code_prompt_show = "Show the answer"
nb_code_prompt_hide = "Hide the answer"
nb_ipywidgets_js = {}
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_update_mathjax = False
html_math_renderer = "mathml"

highlight_language = "text"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
default_role = "literal"
napoleon_google_docstring = True
napoleon_use_rtype = False

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
templates_path = ["_templates"]
html_sidebars = {
    "**": ["home.html", "icon-links.html", "search-button-field.html", "sbt-sidebar-nav.html"]
}
html_extra_path = ["_extra"]
html_css_files = ["course.css"]
html_context = {"default_mode": "auto"}
html_copy_source = html_show_sourcelink = html_show_sphinx = False
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
}
