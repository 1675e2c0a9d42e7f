"""Tables from records, no torch: methods by steps for each measure, every cell in full, ours beside the published."""
