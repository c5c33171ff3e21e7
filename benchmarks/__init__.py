"""What does nodesim cost?  Figures as ratios, measured side by side in one run."""
