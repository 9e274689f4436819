function put(sim, name, contents, file, type) {
    const chosen = new DataTransfer();
    chosen.items.add(new File([contents], file, { type }));
    const input = sim.field(name);
    input.files = chosen.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
}

uproot.simulate.on("uploads/Portrait", (sim) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [12, 8];
    const brush = canvas.getContext("2d");
    brush.fillStyle = "teal";
    brush.fillRect(2, 2, 8, 4);
    canvas.toBlob((picture) => {
        put(sim, "portrait", picture, "me & my hat.png", "image/png");
        sim.fill("caption", "A hat <on> me").submit();
    });
});

uproot.simulate.on("uploads/Payment", (sim) => {
    put(sim, "receipt", "Three ordinary words", "receipt.txt", "text/plain");
    sim.fill({ owner: "Ann", account: "DE89 3704 0044 0532 0130 00" }).submit();
});

uproot.simulate.on("uploads/Thanks", (sim) => {
    const picture = document.getElementById("picture");
    picture.decode().then(() => sim.submit());
});
