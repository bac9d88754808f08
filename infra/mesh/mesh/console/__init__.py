"""A page on which a person creates, searches, watches the pipeline and mends dead letters."""
