"""`syncd run`: sources are synchronised when they are due, pushed to, changed, or asked for."""
