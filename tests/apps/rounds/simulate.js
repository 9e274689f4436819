const submitAfter = (fill) => (sim) => fill(sim).submit();

uproot.simulate.on("rounds/Practice", submitAfter((sim) => sim.fill("sum", 15)));
uproot.simulate.on("rounds/Colour", submitAfter((sim) => sim.chooseAnyRadio()));
uproot.simulate.on("rounds/Confidence", submitAfter((sim) => sim.choose("confidence", 4)));
uproot.simulate.on("rounds/Shape", submitAfter((sim) => sim.chooseAnyRadio("shape")));

// The second try is right; the first of it is off by 10.
uproot.simulate.on("rounds/Estimate", submitAfter((sim) => {
    const { beans, attempt } = uproot.vars;
    return sim.fill("estimate", attempt === 2 ? beans : beans + 10);
}));

// Three rounds in a browser on a desk, one on a phone.
uproot.simulate.on("rounds/Extra", submitAfter((sim) => {
    const rounds = window.innerWidth > 600 ? 3 : 1;
    return sim.fill("more", !document.title.includes(`Extra round ${rounds}`));
}));

uproot.simulate.on("rounds/Summary", (sim) => sim.submit());
