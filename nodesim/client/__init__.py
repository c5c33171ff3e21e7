"""How does a program talk to the API server: connection, calls, watches, caches?"""
