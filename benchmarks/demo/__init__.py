"""The packaged demo networks: drawn scenes, training script, sample images."""
