uproot.simulate.on("consent/Consent", (sim) => {
    sim.choose("agrees", true).submit();
});

uproot.simulate.on("consent/Questions", (sim) => {
    sim.fill("age", sim.integer(18, 80)).fill("comment", "Nothing.").submit();
});

uproot.simulate.on("consent/Thanks", (sim) => {
    sim.submit();
});
