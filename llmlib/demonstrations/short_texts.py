"""Short texts that models are measured on: several, as one says little."""

STORY = (
    "In the spring my grandmother planted beans along the garden wall. Every morning she carried "
    "two cans of water from the pump, and every evening she counted the leaves. The first year the "
    "frost came late and killed them all. The second year the rabbits ate what the frost had left. "
    "She did not give up. She bought a roll of wire, built a fence, and waited."
)
HARBOUR = (
    "The harbour was quiet when the ferry came in. A man in a grey coat carried a box of tools "
    "down the steps, and two children ran past him to see the ropes. Nobody spoke of the storm."
)
BEES = "Bees do not vote, but a swarm decides. Scouts look at holes in trees and come back."
