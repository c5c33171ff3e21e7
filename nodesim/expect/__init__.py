"""Did what was expected come true?"""
