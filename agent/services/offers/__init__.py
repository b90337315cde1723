"""What each provider offers: its entries of the catalog.  Loaded one by one, when asked for."""
