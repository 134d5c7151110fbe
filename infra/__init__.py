"""The infrastructure, at synth: settings, stack, bundle."""
