// A trader who gives way step by step, and never trades at a loss.
uproot.simulate.on("market/Pit", (sim) => {
    const { side, limit } = uproot.vars;
    let price = side === "buy" ? 1 : C.HIGHEST;

    const step = async () => {
        const goesOn = await uproot.invoke("offer", price);
        if (!goesOn || price === limit) return;
        price += Math.sign(limit - price);
        setTimeout(step, sim.integer(5, 40));
    };

    if (uproot.vars.state.open) step();
});

uproot.simulate.on("market/Results", (sim) => sim.submit());
