"""The steerable lens measured: drawn faces with a known answer, and real networks."""
