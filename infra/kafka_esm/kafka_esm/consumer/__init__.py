"""Records out of Kafka, and as Lambda's event has them."""
