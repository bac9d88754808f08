"""Where spans go. Functions and layers make them by OpenTelemetry's API, which does nothing by itself."""
