"""What is wanted compared with what is there, and what others changed."""
