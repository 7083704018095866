"""`make bench ARGS=--server`: the view under real servers, beside thumbor and Django's views."""
