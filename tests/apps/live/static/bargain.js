const { me, offers } = uproot.vars;
let standing = null;

function show(member, amount) {
    const entry = document.createElement("li");
    entry.textContent = member === me ? `You offer ${amount}` : `The other offers ${amount}`;
    I("offers").append(entry);
    if (member === me) return;
    standing = amount;
    I("accept").disabled = false;
}

async function trying(action) {
    I("problem").textContent = "";
    try {
        await action();
    } catch (error) {
        I("problem").textContent = error.message;
    }
}

uproot.receive = ({ by, amount }) => show(by, amount);

uproot.onCustomEvent("Deal", ({ detail }) => {
    I("deal").textContent = `You get ${detail.data} of ${uproot.C.PIE}.`;
});

uproot.onCustomEvent("DealsInTheRoom", ({ detail }) => {
    I("deals").textContent = detail.data;
});

uproot.onStart(() => {
    offers.forEach(([member, amount]) => show(member, amount));
    I("offer").addEventListener("click", () => trying(async () => {
        const amount = I("amount").valueAsNumber;
        await uproot.invoke("offer", amount);
        show(me, amount);
    }));
    I("accept").addEventListener("click", () => trying(() => uproot.invoke("accept", standing)));
});
