"""The stages of ./check."""
