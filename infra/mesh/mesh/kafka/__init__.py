"""Apache Kafka, and what opens a broker."""
