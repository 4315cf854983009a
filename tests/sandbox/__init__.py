"""Tests of the emulated provider, over real loopback HTTP."""
