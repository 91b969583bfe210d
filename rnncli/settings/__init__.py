"""Every setting: declared once, validated when it is made."""
