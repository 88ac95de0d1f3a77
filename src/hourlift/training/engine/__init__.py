"""The training loop and what it needs, whatever network it trains."""
