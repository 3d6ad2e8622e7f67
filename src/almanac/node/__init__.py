"""What runs on a machine in a cloud: an agent that fetches its orders, carries them out and reports.

It arrives in the machine's user-data and runs with whatever Python the image has: 3.9 or newer, standard library only.
"""
