"""The monitor as a web page, and the REST API: for those who are logged in, never participants."""
