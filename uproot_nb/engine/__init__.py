"""What happens next; runs in the kernel."""
