uproot.simulate.on("opinions/Landing", (sim) => sim.submit());
uproot.simulate.on("opinions/Warm", (sim) => sim.submit());
uproot.simulate.on("opinions/Cold", (sim) => sim.submit());
uproot.simulate.on("opinions/Opinion", (sim) =>
    sim.choose("liked", 6).check("agree").fill("words", "Fine <b>").fill("place", "1").submit());
