/* sending: a page's form is kept until the server has stored it, and sent again until then.
 *
 * The server knows by the page's visit a form that it has taken already, so that sending it twice
 * does no harm. It answers with where to go next; while it cannot answer, or there is no
 * connection, the participant's answers stay on the page, and the participant is told so.
 */
(() => {
    "use strict";

    const { attempt, build, condition, happenings, link, noteSubmitted, notices, unsentWords } = uproot.inner;

    const SAY_AFTER = 2500;         // milliseconds, like all times below
    const FIRST_RETRY = 500;
    const LAST_RETRY = 10000;
    const ANSWER_WITHIN = 60000;    // beside the time that the body needs, at
    const BYTES_PER_MILLISECOND = 20;
    const TRIES_BY_SCRIPT = 4;      // where the connection is fine, and yet nothing can be sent

    let unsent = null;              // the form that is on its way: {data, body, size, tries}
    let timer = null;

    /* Sends what the form holds now; whoever pressed a button wants its name sent, too. */
    function send(form, button = null) {
        if (unsent) return;
        const data = new FormData(form);
        if (button && button.name) data.append(button.name, button.value);
        const isMultipart = form.enctype === "multipart/form-data";
        const body = isMultipart ? data : new URLSearchParams(data);
        unsent = { data, body, size: sizeOf(data), tries: 0 };
        noteSubmitted(true);
        setTimeout(() => unsent && say(), SAY_AFTER);
        go();
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
            say();
            return;                 // It goes on when the study does.
        }
        const mine = unsent;
        const signal = abortAfter(ANSWER_WITHIN + mine.size / BYTES_PER_MILLISECOND);
        mine.isTrying = true;
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

    /* A redirect says that the form was taken; anything else is said in JSON. */
    async function take(answer) {
        if (answer.type === "opaqueredirect" || answer.status === 410) return leave("./");
        const told = await answer.json().catch(() => ({}));
        if (told.go) leave(told.go);
        else if (told.say) giveBack(told.say);
        else if (answer.ok) leave("./");
        else retry(1000 * (Number(told.again) || 0));
        return undefined;
    }

    function leave(address) {
        unsent = null;
        location.replace(address);
    }

    /* The server will never take this form: the participant is to change it. */
    function giveBack(words) {
        unsent = null;
        hush();
        noteSubmitted(false);
        notices.toast(words);
    }

    function retry(atLeast = 0) {
        unsent.tries += 1;
        say();
        if (unsent.tries >= TRIES_BY_SCRIPT && link.isOpen && !atLeast && sendPlainly()) return;
        const delay = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** unsent.tries) * (0.5 + Math.random() / 2);
        timer = setTimeout(go, Math.max(atLeast, delay));
    }

    /* Some pages may not fetch, by a policy of their author's; a form without files may still go. */
    function sendPlainly() {
        const pairs = Array.from(unsent.data);
        if (pairs.some(([, value]) => typeof value !== "string")) return false;
        const form = build("form", { method: "post", hidden: "" }, ...pairs.map(([name, value]) => build("input", { type: "hidden", name, value })));
        document.body.append(form);
        unsent = null;
        HTMLFormElement.prototype.submit.call(form);
        return true;
    }

    /* ---- What the participant sees -------------------------------------------------------- */

    function say() {
        const words = isHeld() ? unsentWords.held : unsent.tries ? unsentWords.failed : unsentWords.sending;
        const form = uproot.I("uproot-form");
        form.inert = true;          // What is changed now would not be sent.
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

    /* ---- When it is worth another try ----------------------------------------------------- */

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
        isSending: () => unsent !== null,
        forgetForm() { unsent = null; },
    });

    /* Scripts that call form.submit(), which asks nobody, are to lose nothing either. */
    uproot.onStart(() => {
        const form = uproot.I("uproot-form");
        if (form && !form.elements.namedItem("submit")) form.submit = () => send(form);
    });

    // The answer to a form is a page of its own; its address is good for once.
    const shown = new URL(location.href);
    if (shown.searchParams.has("_uproot_answer")) {
        shown.searchParams.delete("_uproot_answer");
        attempt(() => history.replaceState(history.state, "", shown), false);   // not in a sandbox
    }
})();
