uproot.simulate.on("multi_language/Choose", (sim) => {
    sim.choose("tongue", uproot.vars.tongue).submit();
});

uproot.simulate.on("multi_language/Coffee", (sim) => {
    sim.fill("cups", 3).choose("place", "home").submit();
});
