"""What does a scenario file say, and how is it run?"""
