"""What a function needs that processes Kafka records: in order, once, and none of them for ever."""
