/* hand: the button by which a participant asks for the researcher, and the thread that it opens. */
(() => {
    "use strict";

    const EVENT = "_uproot_hand";
    const CHAT = "_uproot_chat";

    const box = document.getElementById("uproot-hand");
    const button = box.querySelector("button");
    const status = box.querySelector("[role=status]");
    const thread = document.getElementById("uproot-thread");     // hidden until somebody writes, or asks
    let up = button.getAttribute("aria-pressed") === "true";
    let asking = false;

    function show(problem = "") {
        button.setAttribute("aria-pressed", String(up));
        button.textContent = up ? box.dataset.lower : box.dataset.raise;
        status.textContent = problem || (up ? box.dataset.raised : "");
        if (up) openThread();
    }

    function openThread() {
        if (thread) thread.hidden = false;
    }

    /* The button shows what the server has; whatever comes by a push meanwhile is newer. */
    async function press() {
        if (asking) return;
        asking = true;
        try {
            up = await uproot.invoke(EVENT, !up);
            show();
        } catch {
            show(box.dataset.failed);
        } finally {
            asking = false;
        }
    }

    uproot.onCustomEvent(EVENT, ({ detail: { data } }) => { up = data.up; show(); });
    uproot.onCustomEvent(CHAT, ({ detail: { data } }) => {
        if (thread && thread.dataset.chat === data.chat) openThread();
    });
    button.addEventListener("click", press);
    show();
    box.hidden = false;
})();
