"""What arrives of real documentation, measured with readers that know nothing of the renderer."""
