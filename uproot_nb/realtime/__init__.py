"""What reaches browsers while a page is open: pushes, chat, rooms."""
