"""What do all workload controllers do alike: their queue, their claims, their pods, how they wait for their cache?"""
