const shows = (place, text) => () => document.querySelector(`${place} [role=log]`).textContent.includes(text);

function write(place, text) {
    const input = document.querySelector(`${place} uproot-chat textarea`);
    input.value = text;
    input.closest("uproot-chat").querySelector("button").click();
}

uproot.simulate.on("chat/Lobby", (sim) => {
    write("main", "Hello everybody");
    sim.waitFor(shows("main", "Hello everybody")).submit();
});

/* Ruby proposes, Opal answers with what Ruby has said, the host has the last word. */
uproot.simulate.on("chat/Talk", async (sim) => {
    const isRuby = JSON.parse(document.querySelector("#private script[type='application/json']").textContent).me === 0;
    if (isRuby) {
        write("#private", "I say: <i>amber</i>");
        await sim.waitFor(shows("#private", "Agreed"));
    } else {
        await sim.waitFor(shows("#private", "I say: <i>amber</i>"));
        write("#private", "Agreed, amber it is");
    }
    await sim.waitFor(shows("#private", "Please write down your word"));
    await sim.fill("word", "amber").submit();
});

uproot.simulate.on("chat/Minutes", (sim) => sim.submit());
