"""`make loss`: is a file ever lost, or kept for ever, if everything can die at any time?"""
