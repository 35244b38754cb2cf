"""Scripts that measure or build what the package ships; each prints one JSON document."""
