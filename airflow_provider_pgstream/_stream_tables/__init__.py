"""What is done with stream tables: a verb a file."""
