"""Human3.6M, as published and as other projects store it."""
