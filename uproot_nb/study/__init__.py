"""What a lab manager needs of a study: who took part, and who is paid what."""
