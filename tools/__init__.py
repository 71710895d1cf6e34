"""What keeps the documentation equal to the code."""
