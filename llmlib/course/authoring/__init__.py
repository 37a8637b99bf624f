"""How notebooks are made: their sources, the build, the released copies."""
