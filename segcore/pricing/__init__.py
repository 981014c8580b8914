"""What annotations cost by what is drawn."""
