const isRefused = () => document.querySelector("[role=alert]") !== null;

uproot.simulate.on("forms/Person", (sim) => {
    if (sim.value("nickname")) {
        sim.fill("nickname", `${sim.value("nickname")} again`);     // the rest is as it was before
    } else {
        sim.fill({ nickname: "Ada", email: "ada@example.org", born: "1990-12-10" });
        sim.choose("country", "es").choose("student", false).fill("age", 25);
    }
    if (isRefused()) sim.fill("age", 39);
    sim.submit();
});

uproot.simulate.on("forms/Taste", (sim) => {
    if (sessionStorage.getItem("been back") === null) {
        sessionStorage.setItem("been back", "yes");
        sim.goBack();
        return;
    }
    sim.choose("happy", 8).choose("sports", ["swim", "chess"]);
    sim.fill({ budget: 12.5, distance: 3.25, sure: 0.7, mood: -1.5, remarks: "<b>None</b>, thanks." });
    if (isRefused()) sim.check("careful");
    sim.submit();
});

uproot.simulate.on("forms/Hours", (sim) => {
    sim.fill("hours_swim", 3).fill("hours_chess", isRefused() ? 4 : 41).submit();
});

uproot.simulate.on("forms/Account", (sim) => {
    sim.fill("owner", "Ada Lovelace");
    sim.fill("iban", isRefused() ? "DE89 3704 0044 0532 0130 00" : "ES91 2100 0418 4502 0005 1332");
    sim.fill("bic", "COBADEFFXXX");
    sim.fill("proof", new File(["paid in full"], "statement.txt", { type: "text/plain" }));
    sim.submit();
});

uproot.simulate.on("forms/Overview", (sim) => sim.submit());
