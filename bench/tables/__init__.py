"""Tables from records, without torch: methods by steps for each measure, every cell in full, ours beside the published."""
