"""Values: what the rest of the house speaks about.  Nothing here touches the world."""
