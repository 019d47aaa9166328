"""Run folders -> tables, figures and one offline HTML page."""
