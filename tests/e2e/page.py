"""A page of another origin: the meshes of the end-to-end tests let it in."""

ORIGIN = "https://app.example"
