"""The networks, one architecture a file; ``unetloop.catalog`` names them."""
