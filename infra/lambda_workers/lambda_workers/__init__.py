"""What Lambda bounds, for functions that are processes of this machine: how many, and their memory."""
