/* room: waits at a room and enters when it opens. It shows when the connection is lost. */
(() => {
    "use strict";

    const PING_EVERY = 20000;       // milliseconds, like all times below
    const PONG_WITHIN = 10000;
    const OPEN_WITHIN = 20000;
    const OPEN = 1;                 // the readyState of a connection that works
    const FIRST_RETRY = 250;
    const LAST_RETRY = 8000;
    const SHOW_LOSS_AFTER = 1500;

    const sign = document.getElementById("uproot-room");
    const form = document.getElementById("uproot-form");
    const timers = {};
    let socket = null;
    let pause = FIRST_RETRY;
    let gone = false;
    let blocked = false;

    function after(name, delay, action) {
        clearTimeout(timers[name]);
        timers[name] = setTimeout(action, delay);
    }

    function say(words) {
        if (sign.textContent !== words) sign.textContent = words;
    }

    /* The page may be the answer to a form, which location.reload() would repeat. */
    function lookAgain() {
        leave();
        location.replace(location.pathname + location.search);
    }

    function enter() {
        leave();
        if (form.requestSubmit) form.requestSubmit();
        else form.submit();
    }

    function leave() {
        gone = true;
        drop();
    }

    function drop() {
        ["answer", "ping", "retry"].forEach((name) => clearTimeout(timers[name]));
        if (socket === null) return;
        socket.onopen = socket.onmessage = socket.onclose = socket.onblocked = null;
        socket.close();
        socket = null;
    }

    function connect() {
        drop();
        const label = form.elements.label ? form.elements.label.value : "";     // for the researcher, who sees who waits
        socket = new UprootConnection(label ? `ws?label=${encodeURIComponent(label)}` : "ws");
        socket.onopen = () => after("ping", PING_EVERY, probe);
        socket.onmessage = (message) => receive(JSON.parse(message.data));
        socket.onclose = lose;
        socket.onblocked = () => { blocked = true; say(sign.dataset.blocked); };
        after("answer", OPEN_WITHIN, lose);
    }

    function probe() {
        if (socket !== null && socket.readyState === OPEN) socket.send('{"op":"ping"}');
        after("answer", PONG_WITHIN, lose);
        after("ping", PING_EVERY, probe);
    }

    function receive(said) {
        clearTimeout(timers.answer);        // Any message shows that the connection works.
        clearTimeout(timers.loss);
        delete timers.loss;
        blocked = false;
        pause = FIRST_RETRY;
        say("");
        if (said.op === "status" && said.state === "closed") lookAgain();
        if (said.op !== "action") return;
        if (said.action === "submit") enter();
        if (said.action === "reload") lookAgain();
    }

    function lose() {
        drop();
        if (timers.loss === undefined) after("loss", SHOW_LOSS_AFTER, () => blocked || say(sign.dataset.lost));
        after("retry", pause * (0.5 + Math.random() / 2), connect);
        pause = Math.min(pause * 2, LAST_RETRY);
    }

    function hurry() {
        if (gone) return;
        if (socket !== null && socket.readyState === OPEN) probe();
        else connect();
    }

    window.addEventListener("online", hurry);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && hurry());
    window.addEventListener("pagehide", drop);
    window.addEventListener("pageshow", (event) => event.persisted && lookAgain());
    connect();
})();
