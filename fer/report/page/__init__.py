"""The HTML page: sections, figures and their style, wording of numbers, templates."""
