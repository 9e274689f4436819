/* monitor_page.js: the monitor as a page of its own. It gives monitor.js what a notebook's widget
 * gives it, over a WebSocket that connects again by itself. */

import monitor from "./monitor.js";

const SOONEST = 500, LATEST = 8000;   // milliseconds until the next attempt to connect
const SENTENCES = {
    connecting: "Connecting …",
    lost: "There is no connection to the server. This page tries again by itself; what is below is what was last known.",
    ended: "The session was closed, and its server has ended. If it is served again, this page goes on by itself.",
    away: "No kernel serves this session now: it is being restarted, or the notebook has to be run again. This page goes on by itself.",
    silent: "The kernel gives no sign of life: a cell or the experiment's code holds it up. This page goes on by itself.",
    unknown: "No session of this name is served now. This page goes on as soon as one is.",
    several: "Several sessions have this name. Close all but one of them; this page then goes on by itself.",
    full: "This session has as many monitors as it may have. Close one; this page tries again by itself.",
    out: "You are no longer logged in.",
};
const LOST = { 4429: "full" };    // by the code with which the server closes

const STILL = new Set(["lost", "away", "unknown", "several", "full", "out"]);    // nothing can be done
const listeners = { "msg:custom": new Set(), comm_live_update: new Set() };
const banner = document.getElementById("link");
let socket = null, wait = SOONEST, shown = null, isOut = false, isClosed = false;

function say(state) {
    banner.hidden = !(state in SENTENCES);
    banner.dataset.state = state;
    banner.textContent = SENTENCES[state] ?? "";
    if (state === "out") {
        const again = document.createElement("a");
        again.href = location.href;
        again.textContent = "Log in again";
        banner.append(" ", again);
    }
    if (STILL.has(state)) listeners.comm_live_update.forEach((listener) => listener());
}

/* Code that does not come to its end holds up the kernel, but not the server. */
function offerInterrupt(isOffered) {
    const words = isOffered ? document.createElement("button") : "Jupyter's interrupt button ends it.";
    if (isOffered) {
        words.type = "button";
        words.textContent = "Interrupt";
        words.addEventListener("click", () => model.send({ op: "do", what: "interrupt", id: 0 }));
    }
    banner.append(" ", words);
}

function give(message) {
    isClosed ||= message.op === "closed";
    listeners["msg:custom"].forEach((listener) => listener(message));
}

const model = {
    get: (name) => ({ kind: "monitor", snapshot: "" })[name],
    on: (event, listener) => listeners[event].add(listener),
    off: (event, listener) => listeners[event].delete(listener),
    send(message) {
        if (socket?.readyState !== WebSocket.OPEN) return false;
        socket.send(JSON.stringify(message));
        return true;
    },
};

function follow({ state, session, role, interrupts }) {
    if (shown !== null && session && session !== shown) {
        location.reload();    // another session of the same name
        return;
    }
    shown = session || shown;
    isClosed &&= state === "closed";
    say(state);
    if (state === "silent" && role === "steward") offerInterrupt(interrupts);
    if (state === "here") model.send({ op: "ready" });
    if (state === "closed") give({ op: "closed" });
}

/* Whether the server still knows who this is; without an answer, it is away. */
async function isLoggedOut() {
    try {
        const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" });
        return [401, 403].includes(answer.status) || answer.type === "opaqueredirect";
    } catch {
        return false;
    }
}

function connect() {
    const url = new URL("ws", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.search = url.hash = "";
    socket = new WebSocket(url);
    socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        wait = SOONEST;
        if (message.op === "link") follow(message);
        else give(message);
    };
    socket.onclose = async ({ code }) => {
        isOut = await isLoggedOut();
        say(isOut ? "out" : LOST[code] ?? (isClosed ? "ended" : "lost"));
        if (isOut) return;
        setTimeout(connect, wait * (0.7 + 0.6 * Math.random()));
        wait = Math.min(2 * wait, LATEST);
    };
}

monitor.render({ model, el: document.getElementById("monitor") });
connect();
