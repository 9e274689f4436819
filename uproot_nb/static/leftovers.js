/* leftovers: sends what was entered on a page that ended without its form.
 *
 * The time was up while the connection was away, or the researcher, a hook or the group has moved
 * the participant on. The server logs it as late. Until it has, the draft stays in this tab, apart
 * from those of the pages, and is sent again: by this page, or by one that follows.
 */
(() => {
    "use strict";

    const { attempt, boot, condition, happenings, link, memory } = uproot.inner;

    const PREFIX = "uproot-left-";
    const MOST = 8;                 // visits, as many as the server remembers of a player
    const MOST_PAIRS = 501;         // of names and texts: the server logs 500, and marks that one is missing
    const FIRST_RETRY = 1000;       // milliseconds, like all times below
    const LAST_RETRY = 60000;
    const MOST_TRIES = 12;          // without a sign that something has changed
    const ANSWER_WITHIN = 60000;
    const MOST_BYTES_ALIVE = 60000; // that browsers send on while the page is being left
    const BYTES_PER_CHARACTER = 4;
    const LONGEST_TIMER = 2 ** 31 - 1;
    const NEVER = new Set([400, 413, 422]);     // statuses of a form that the server will never take
    const ENDED = 410;              // The session may be served again; a later page tries it then.

    const { owner } = boot.draft || {};
    let timer = null;
    let tries = 0;
    let notBefore = 0;              // when the server wants to be asked again
    let isSending = false;

    /* ---- Storing --------------------------------------------------------------------------------- */

    function names() {
        return (attempt(() => Object.keys(sessionStorage), false) || []).filter((name) => name.startsWith(PREFIX));
    }

    function read(name) {
        const kept = attempt(() => JSON.parse(memory.read(name)), false);
        return kept && kept.owner === owner && Array.isArray(kept.values) ? kept : null;
    }

    /* Takes over the draft of a visit that has ended. */
    function store(kept) {
        memory.store(PREFIX + kept.visit, JSON.stringify(kept));
        const age = (name) => -Number(read(name)?.at || 0);
        names().sort((a, b) => age(a) - age(b)).slice(MOST).forEach(memory.drop);
    }

    /* What another participant has left in this tab, or cannot be read, is deleted. */
    function tidy() {
        names().filter((name) => !read(name)).forEach(memory.drop);
    }

    /* ---- Sending --------------------------------------------------------------------------------- */

    function bodyOf({ page, visit, at, values }) {
        const body = new FormData();
        const pairs = values.filter((one) => Array.isArray(one) && Array.isArray(one[1])).flatMap(([name, texts]) => texts.map((text) => [name, text]));
        pairs.slice(0, MOST_PAIRS).forEach(([name, text]) => body.append(String(name), String(text)));
        const ours = { page, visit, timeout: 1, ...(at ? { age: Math.max(0, Date.now() - at) } : {}) };
        Object.entries(ours).forEach(([name, value]) => body.set(`_uproot_${name}`, String(value)));
        return body;
    }

    /* Returns the milliseconds until it is to be sent again; null once the server has taken it, or never will. */
    async function send(kept) {
        const body = bodyOf(kept), controller = new AbortController();
        const patience = setTimeout(() => controller.abort(), ANSWER_WITHIN);
        const keepalive = BYTES_PER_CHARACTER * JSON.stringify(kept.values).length < MOST_BYTES_ALIVE;
        const request = { method: "POST", body, headers: { Accept: "application/json" }, redirect: "manual", cache: "no-store", keepalive, signal: controller.signal };
        try {
            return await delayAfter(await fetch(location.pathname, request));
        } catch {
            return 0;
        } finally {
            clearTimeout(patience);
        }
    }

    async function delayAfter(answer) {
        if (answer.type === "opaqueredirect" || NEVER.has(answer.status)) return null;
        if (answer.status === ENDED) return Infinity;
        const reply = await answer.json().catch(() => ({}));
        if (answer.ok && reply.go) return null;         // It has been read, and there is nothing to log.
        return 1000 * (Number(reply.again) || Number(answer.headers.get("Retry-After")) || 0);
    }

    /* Sends one after the other, and rests at the first that the server does not take now. */
    async function go() {
        clearTimeout(timer);
        if (isSending || (condition.state === "paused" && link.isOpen)) return;
        const early = notBefore - performance.now();
        if (early > 0) {
            wakeIn(early);
            return;
        }
        isSending = true;
        const delay = await sendAll();
        isSending = false;
        if (delay !== null) rest(delay);
    }

    async function sendAll() {
        while (names().length > 0) {
            const [name] = names(), kept = read(name), delay = kept && await send(kept);
            if (delay !== null) return delay;
            memory.drop(name);
            tries = 0;
        }
        return null;
    }

    function wakeIn(delay) {
        clearTimeout(timer);
        if (delay < LONGEST_TIMER) timer = setTimeout(go, delay);
    }

    function rest(atLeast) {
        tries += 1;
        notBefore = performance.now() + atLeast;
        const delay = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** tries) * (0.5 + Math.random() / 2);
        if (tries < MOST_TRIES) wakeIn(Math.max(atLeast, delay));
    }

    function hurry() {
        tries = Math.min(tries, MOST_TRIES / 2);
        go();
    }

    /* ---- Setup ------------------------------------------------------------------------------------ */

    happenings.addEventListener("left-over", ({ detail }) => store(detail));
    if (!owner) return;
    ["ready", "reconnect", "state", "left-over"].forEach((name) => happenings.addEventListener(name, hurry));
    window.addEventListener("online", hurry);
    uproot.onStart(() => setTimeout(() => {
        tidy();
        go();
    }, 0));
})();
