const visits = Number(sessionStorage.getItem("visits") || 0);

uproot.simulate.on("dropout/Device", (sim) => {
    sim.choose("device", uproot.vars.id === 3 ? "computer" : "phone").submit();
});

// Number 1 is distracted until the page comes up again, and number 3 does not choose at all.
uproot.simulate.on("dropout/Guess", (sim) => {
    sessionStorage.setItem("visits", visits + 1);
    sim.choose("word", "pear");
    const waits = uproot.vars.id === 3 || (uproot.vars.id === 1 && visits === 0);
    if (!waits) sim.submit();
});

uproot.simulate.on((page) => page.endsWith("/Alone"), (sim) => sim.submit());
