"""A batch to the function, or to the failure destination."""
