"""What does the cluster believe, and who hears of it?"""
