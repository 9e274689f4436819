/* sending: retains a page's form and sends it again until the server has stored it.
 *
 * The server recognizes a repeated form by the page's visit, so that sending it twice does no harm.
 * It answers with the next address. While it cannot answer, or there is no connection, the answers
 * stay on the page, and a notice says so.
 */
(() => {
    "use strict";

    const { attempt, boot, build, condition, happenings, link, noteSubmitted, notices, unsentWords } = uproot.inner;

    const NOTICE_AFTER = 2500;         // milliseconds, like all times below
    const FIRST_RETRY = 500;
    const LAST_RETRY = 10000;
    const ANSWER_WITHIN = 60000;    // plus the time for the body, at
    const BYTES_PER_MILLISECOND = 20;
    const LONGEST_WAIT = 60000;     // that an answer may ask for
    const TRIES_BY_SCRIPT = 4;      // if the connection works and yet nothing can be sent

    const isTimed = typeof boot.timeout === "number";
    let unsent = null;              // the form that is being sent: {data, body, size, tries}
    let timer = null;
    let changed = { steady: performance.now(), wall: Date.now() };

    /* Sends the form's current values, and those of the pressed button. */
    function send(form, button = null) {
        if (unsent) return;
        const data = new FormData(form);
        if (button && button.name) data.append(button.name, button.value);
        const isMultipart = form.enctype === "multipart/form-data";
        const body = isMultipart ? data : new URLSearchParams(data);
        unsent = { data, body, size: sizeOf(data), tries: 0 };
        noteSubmitted(true);
        setTimeout(() => unsent && showNotice(), NOTICE_AFTER);
        go();
    }

    /* Milliseconds since the last change; a clock that stood still, as in a sleep, does not count. */
    function age() {
        return Math.round(Math.max(0, performance.now() - changed.steady, Date.now() - changed.wall));
    }

    /* Notes that the participant has changed the form now, or at that time if a draft was restored. */
    function noteChange(wall = Date.now()) {
        changed = { steady: performance.now() - Math.max(0, Date.now() - wall), wall };
    }

    function sizeOf(data) {
        return Array.from(data.values()).reduce((sum, value) => sum + (value.size ?? value.length), 0);
    }

    function isHeld() {
        return condition.state === "paused" && link.isOpen;
    }

    async function go() {
        clearTimeout(timer);
        if (isHeld()) {
            showNotice();
            return;                 // Ready to continue when the study does.
        }
        const mine = unsent;
        const signal = abortAfter(ANSWER_WITHIN + mine.size / BYTES_PER_MILLISECOND);
        mine.isTrying = true;
        if (isTimed) mine.body.set("_uproot_age", String(age()));
        try {
            const headers = { Accept: "application/json" };
            const answer = await fetch(place(), { method: "POST", body: mine.body, headers, redirect: "manual", cache: "no-store", signal });
            await take(answer);
        } catch {
            retry();
        } finally {
            mine.isTrying = false;
        }
    }

    function place() {
        return location.pathname + location.search;
    }

    function abortAfter(delay) {
        const controller = new AbortController();
        setTimeout(() => controller.abort(), delay);
        return controller.signal;
    }

    /* A redirect means that the form was stored; other answers are JSON. */
    async function take(answer) {
        if (answer.type === "opaqueredirect") return stored();
        if (answer.status === 410) return leave("./");
        const reply = await answer.json().catch(() => ({}));
        if (reply.go) leave(reply.go);
        else if (reply.say) giveBack(reply.say);
        else if (answer.ok) leave("./");
        else retry(1000 * (Number(reply.again) || Number(answer.headers.get("Retry-After")) || 0));
        return undefined;
    }

    function stored() {
        if (unsent.data.has("_uproot_back")) uproot.inner.leaveDraft();
        else uproot.inner.forgetDraft();
        leave("./");
    }

    function leave(address) {
        unsent = null;
        location.replace(address);
    }

    /* The server cannot accept this form: the participant has to change it. */
    function giveBack(words) {
        unsent = null;
        hush();
        noteSubmitted(false);
        notices.toast(words);
    }

    function retry(atLeast = 0) {
        unsent.tries += 1;
        showNotice();
        if (unsent.tries >= TRIES_BY_SCRIPT && link.isOpen && !atLeast && sendPlainly()) return;
        const delay = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** unsent.tries) * (0.5 + Math.random() / 2);
        timer = setTimeout(go, Math.max(Math.min(atLeast, LONGEST_WAIT), delay));
    }

    /* An author's content policy may forbid fetch; a form without files can be sent without it. */
    function sendPlainly() {
        const pairs = [...unsent.data, ...(isTimed ? [["_uproot_age", String(age())]] : [])];
        if (pairs.some(([, value]) => typeof value !== "string")) return false;
        const form = build("form", { method: "post", hidden: "" }, ...pairs.map(([name, value]) => build("input", { type: "hidden", name, value })));
        document.body.append(form);
        unsent = null;
        HTMLFormElement.prototype.submit.call(form);
        return true;
    }

    /* ---- The notice -------------------------------------------------------- */

    function showNotice() {
        const words = isHeld() ? unsentWords.held : unsent.tries ? unsentWords.failed : unsentWords.sending;
        const form = uproot.I("uproot-form");
        form.inert = true;          // A change now would not be sent.
        status(form).textContent = words();
    }

    function status(form) {
        const known = uproot.I("uproot-unsent");
        if (known) return known;
        const region = build("p", { id: "uproot-unsent", role: "status" });
        form.after(region);
        return region;
    }

    function hush() {
        const region = uproot.I("uproot-unsent");
        if (region) region.remove();
        uproot.I("uproot-form").inert = false;
    }

    /* ---- When to try again ----------------------------------------------------- */

    function hurry() {
        if (unsent && !unsent.isTrying) go();
    }

    ["ready", "reconnect", "state"].forEach((name) => happenings.addEventListener(name, hurry));
    window.addEventListener("online", hurry);
    window.addEventListener("pageshow", (event) => event.persisted && hurry());
    window.addEventListener("beforeunload", (event) => {
        if (unsent && uproot.I("uproot-unsent")) event.preventDefault();
    });

    Object.assign(uproot.inner, {
        sendForm: send,
        noteChange,
        isSending: () => unsent !== null,
        forgetForm() { unsent = null; },
    });

    /* form.submit() fires no event; a form sent by such a script is retained, too. */
    uproot.onStart(() => {
        const form = uproot.I("uproot-form");
        if (form && !form.elements.namedItem("submit")) form.submit = () => send(form);
    });

    // The answer to a form has an address that works only once.
    const shown = new URL(location.href);
    if (shown.searchParams.has("_uproot_answer")) {
        shown.searchParams.delete("_uproot_answer");
        attempt(() => history.replaceState(history.state, "", shown), false);   // not in a sandbox
    }
})();
