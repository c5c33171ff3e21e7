"""On which node does a pod go?"""
