/* focus: reports when the participant leaves the tab or window and comes back, pastes (that it
 * happened and into which field, never what), and first presses a key or a button.
 *
 * The events of a page are numbered. They are sent some at a time, and all again after a
 * connection or the kernel was lost: the kernel knows which ones it has.
 */
(() => {
    "use strict";

    const { boot, happenings, randomWord, report } = uproot.inner;

    if (!boot.focus) return;

    const EVERY = 2000;             // milliseconds
    const MOST = 200;               // events of a page
    const AT_ONCE = 40;

    const load = randomWord().slice(0, 16);
    const begun = performance.now();
    const noted = [];
    let sent = 0;
    let timer = null;
    let isAway = false;

    function note(what, name = null, soon = false) {
        if (noted.length >= MOST) return;
        const ms = Math.max(0, Math.round(performance.now() - begun));
        noted.push(name === null ? [what, ms] : [what, ms, name]);
        if (soon) send();
        else timer ??= setTimeout(send, EVERY);
    }

    function send() {
        clearTimeout(timer);
        timer = null;
        while (sent < noted.length) {
            const events = noted.slice(sent, sent + AT_ONCE);
            if (!report("focus", { visit: boot.entered, load, first: sent, events })) return;
            sent += events.length;
        }
    }

    function sendAgain() {
        sent = 0;
        send();
    }

    function look() {
        const away = document.hidden || !document.hasFocus();
        if (away === isAway) return;
        isAway = away;
        note(away ? "left" : "returned", null, true);
    }

    /* An input may have any name; one that the log would not take is left out. */
    function nameOf(target) {
        const name = target && target.getAttribute ? target.getAttribute("name") || "" : "";
        return /^[\w.:[\]-]{1,64}$/u.test(name) ? name : "";
    }

    function first(event, what) {
        const listen = (happened) => {
            if (!happened.isTrusted) return;        // a script's own
            window.removeEventListener(event, listen, true);
            note(what);
        };
        window.addEventListener(event, listen, true);
    }

    note("shown");
    first("keydown", "first_key");
    first("pointerdown", "first_click");
    window.addEventListener("paste", (event) => note("pasted", nameOf(event.target)), true);
    document.addEventListener("visibilitychange", look);
    window.addEventListener("focus", look);
    window.addEventListener("blur", () => setTimeout(look, 0));     // not for a frame of the page itself
    window.addEventListener("submit", send, true);
    window.addEventListener("pagehide", send);
    ["ready", "reconnect", "state"].forEach((name) => happenings.addEventListener(name, sendAgain));
})();
