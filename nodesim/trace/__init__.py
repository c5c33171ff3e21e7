"""What is written down of a run, and in which bytes?"""
