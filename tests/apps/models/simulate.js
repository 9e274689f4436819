const prices = (side) => Array.from(document.querySelectorAll(`#${side} button`), (button) => button.textContent);
const shows = (side, ...wanted) => () => prices(side).join(" ") === wanted.join(" ");
const traded = (number) => () => I("traded").textContent === String(number);
const says = (words) => () => I("problem").textContent.includes(words);

async function order(sim, kind, price) {
    I("price").value = price;
    await sim.click(kind);
}

/* The first asks 4.50 and 4.00, the second bids 3.00 and takes the better ask; the first takes the
 * bid; a third looks on. What each waits for stays until they have done something themselves. */
uproot.simulate.on("models/Trading", async (sim) => {
    if (uproot.vars.me === 0) {
        await order(sim, "ask", "4.50");
        await sim.waitFor(shows("sell", "4.50")).click("#sell button").waitFor(says("your own"));
        await order(sim, "ask", "4.00");
        await sim.waitFor(traded(1)).click("#buy button");
    } else if (uproot.vars.me === 1) {
        await sim.waitFor(shows("sell", "4.00", "4.50"));
        await order(sim, "bid", "10.01");
        await sim.waitFor(says("so much"));
        await order(sim, "bid", "3.00");
        await sim.waitFor(shows("buy", "3.00")).click("#sell button");
    }
    await sim.waitFor(traded(2)).submit();
});

uproot.simulate.on("models/Account", (sim) => sim.submit());
