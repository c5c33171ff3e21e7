"""What runs on a node, and what does its kubelet say of it?"""
