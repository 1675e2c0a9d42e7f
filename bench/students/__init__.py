"""Students that leave the house: sampled, compared and exported, by an address or a file."""
