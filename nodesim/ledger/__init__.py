"""For how long did belief and truth differ?"""
