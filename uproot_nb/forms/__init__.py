"""Forms: fields drawn, answers parsed and checked, uploads."""
