"""Generated from protos/ by scripts/generate-protos: do not edit."""
