uproot.simulate.on("dictator/Give", (sim) => sim.fill("give", 4).submit());
uproot.simulate.on("dictator/Results", (sim) => sim.submit());
