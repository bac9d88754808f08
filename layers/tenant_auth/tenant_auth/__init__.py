"""Who is calling, and the FastAPI app that every HTTP function starts from."""
