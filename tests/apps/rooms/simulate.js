uproot.simulate.on(["rooms/Welcome", "rooms/Result"], (sim) => sim.submit());
uproot.simulate.on(/Vote$/, (sim) => sim.choose("winner", "green").submit());
