"""Templates, Markdown and number formats: what turns values into a page's text."""
