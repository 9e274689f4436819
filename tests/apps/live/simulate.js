const says = (id, words) => () => I(id).textContent.includes(words);

/* The first asks for too much, then offers 20; the second offers 60 instead; the first accepts. */
uproot.simulate.on("live/Bargain", async (sim) => {
    if (uproot.vars.me === 0) {
        I("amount").value = 120;
        await sim.click("offer").waitFor(says("problem", "between 0 and 100"));
        I("amount").value = 20;
        await sim.click("offer").waitFor(says("offers", "The other offers 60"));
        await uproot.invoke("accept", 61).catch((error) => { window.refused = error.message; });
        await uproot.invoke("forget").catch((error) => { window.failed = error.message; });
        await sim.click("accept");
    } else {
        await sim.waitFor(says("offers", "The other offers 20"));
        I("amount").value = 60;
        await sim.click("offer");
    }
    await sim.waitFor(says("deal", "You get")).submit();
});

uproot.simulate.on("live/Share", (sim) => sim.submit());
