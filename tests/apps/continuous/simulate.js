uproot.simulate.on("continuous/Lake", (sim) => {
    const change = () => sim.fill("hours", sim.integer(1, C.LONGEST));
    change();
    uproot.onCustomEvent("Tick", change);
});

uproot.simulate.on("continuous/Results", (sim) => sim.submit());
